"""The routes of sign-up, log-in and account, put together."""

from __future__ import annotations

from collections.abc import Callable

from viewer.accounts.account_pages import AccountPages
from viewer.accounts.admission import Admission
from viewer.accounts.browsers import Browsers
from viewer.accounts.doors import Doors
from viewer.accounts.export import Exports
from viewer.accounts.passwords import Passwords
from viewer.accounts.receipt import Receipts
from viewer.accounts.sessions import Sessions
from viewer.accounts.throttle import Throttle
from viewer.policy import PolicyRoute
from viewer.settings import Settings
from viewer.store.base import Store
from viewer.tellings import Documents


def account_routes(
    store: Store,
    documents: Documents,
    sessions: Sessions,
    settings: Settings,
    clock_ns: Callable[[], int],
    throttle: Throttle,
) -> list[PolicyRoute]:
    """One set of passwords and of failed attempts for all of them."""
    passwords, browsers = Passwords(), Browsers(settings)
    admission = Admission(store.accounts, passwords, throttle, clock_ns)
    doors = Doors(store.accounts, settings, sessions, admission, passwords, browsers, clock_ns)
    exports = Exports(store, documents, settings.base_url, clock_ns)
    receipts = Receipts(settings.base_url)
    account = AccountPages(store, sessions, admission, passwords, browsers, exports, receipts, clock_ns)
    return [*doors.routes, *account.routes]
