"""The routes of sign-up, log-in and account, put together."""

from __future__ import annotations

from collections.abc import Callable

from viewer.accounts.admission import Admission
from viewer.accounts.doors import Doors
from viewer.accounts.passwords import Passwords
from viewer.accounts.sessions import Sessions
from viewer.accounts.throttle import Throttle
from viewer.policy import PolicyRoute
from viewer.settings import Settings
from viewer.store.base import Store


def account_routes(
    store: Store, sessions: Sessions, settings: Settings, clock_ns: Callable[[], int]
) -> list[PolicyRoute]:
    """One set of passwords and of failed attempts for all of them."""
    passwords = Passwords()
    admission = Admission(store.accounts, passwords, Throttle(), clock_ns)
    return Doors(store.accounts, settings, sessions, admission, passwords, clock_ns).routes
