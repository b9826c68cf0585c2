"""What subscription.html may say. Every value is ready to print."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame
from viewer.contexts import Fact
from viewer.reference.contexts import Paste


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that is sold. `action` is where its form goes."""

    plan: str
    allowance: str
    action: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What has to be said first. `tone` is good, bad or odd."""

    tone: str
    text: str
    is_waiting: bool = False
    """It is worth looking again."""


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """An account's plan, and what can be done about it. `tone` is good, bad or open."""

    title: str
    frame: Frame
    notices: tuple[Notice, ...]
    tone: str
    status: str
    facts: tuple[Fact, ...]
    is_required: bool
    is_sold: bool
    """By Stripe; else whoever runs the server gives plans."""
    offers: tuple[Offer, ...]
    can_manage: bool
    command: Paste
    """With which a plan is given."""
