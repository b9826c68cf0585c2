"""What home.html may say."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame
from viewer.accounts.key_contexts import NamedPaste
from viewer.contexts import Fact, Link, Tick
from viewer.legible import Draft


@dataclass(frozen=True, slots=True)
class SamplePart:
    """A trace in short, with its timeline."""

    url: str
    heading: str
    state: str
    status: str
    facts: tuple[Fact, ...]
    prompt: str
    response: str
    shows_tokens: bool
    ticks: tuple[Tick, ...]
    steps: Draft


@dataclass(frozen=True, slots=True)
class HomePage:
    """What home.html shows."""

    title: str
    description: str
    links: tuple[Link, ...]
    """Where there is more, in the head of the page, for strangers."""
    frame: Frame | None
    """For who has logged in."""
    begin: Link
    """The one thing to do."""
    sample: SamplePart | None
    doors: tuple[NamedPaste, ...]
    """Ways to send a first run."""
