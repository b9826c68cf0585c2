"""What the templates of sign-up, log-in and account may say: one frozen record per template."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.accounts.frame import Frame


@dataclass(frozen=True, slots=True)
class SignUpPage:
    """The form that makes an account. `is_open`: there is one; else `detail` says how one gets an account."""

    title: str
    is_open: bool
    detail: str
    email: str = ""
    email_wrong: str = ""
    password_wrong: str = ""
    invitation: str = ""
    """The token of the invitation that led here."""
    wrong: str = ""
    """What is wrong with none of the fields."""


@dataclass(frozen=True, slots=True)
class LogInPage:
    """The form that opens an account. `notice` comes before, `wrong` after something was refused."""

    title: str
    email: str = ""
    next: str = ""
    """Where to go from here."""
    notice: str = ""
    wrong: str = ""
    can_sign_up: bool = True


@dataclass(frozen=True, slots=True)
class LinkPage:
    """What a link that logs in leads to: a button, since opening an address must not change anything."""

    title: str
    email: str
    ticket: str
    has_password: bool
    password_wrong: str = ""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """`/app/account`. `told`: what has just been done; `…_wrong`: why it was not."""

    title: str
    frame: Frame
    email: str
    since: str
    has_password: bool
    otlp_is_private: bool
    told: str = ""
    current_wrong: str = ""
    password_wrong: str = ""


@dataclass(frozen=True, slots=True)
class ClosePage:
    """What goes with an account, and the proof that its owner wants that."""

    title: str
    frame: Frame
    email: str
    has_password: bool
    traces: str
    """How many there are, in words; "" for none."""
    keys: str
    bytes: str
    """How much is kept for the account, in words."""
    wrong: str = ""
