"""What the templates of sign-up, log-in and account may say: one frozen record per template."""

from __future__ import annotations

from dataclasses import dataclass


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
