"""People with accounts on a running server, for tests: a session is opened beside it, as if they had logged in."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import SimpleCookie

from playwright.sync_api import BrowserContext
from starlette.responses import Response

from tests.processes import TracenProcess
from viewer.accounts.first_key import first_key_cookie, give_first_key
from viewer.accounts.sessions import Sessions
from viewer.store.base import Store
from viewer.store.engines import open_store
from viewer.store.people import Account


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is logged in: the account, and the cookies of the browser. `secret`: of a first key, if any."""

    account: Account
    cookies: dict[str, str]
    secret: str = ""

    def enter(self, context: BrowserContext, url: str) -> None:
        """Log a browser in; the cookie of a first key is for its page alone."""
        for name, value in self.cookies.items():
            path = "/app/start" if "first_key" in name else "/"
            host = url.split("//")[1].split(":")[0]
            context.add_cookies(
                [
                    {
                        "name": name,
                        "value": value,
                        "domain": host,
                        "path": path,
                        "httpOnly": True,
                        "sameSite": "Lax" if path == "/" else "Strict",
                    }
                ]
            )


def join(tracen: TracenProcess, email: str, *, with_first_key: bool = True) -> Member:
    """An account on a running server, made and logged in as the sign-up does it."""
    with ThreadPoolExecutor(1) as beside:  # a test with a browser has an event loop on its own thread
        return beside.submit(asyncio.run, _join(tracen, email, with_first_key)).result()


async def _join(tracen: TracenProcess, email: str, with_first_key: bool) -> Member:
    store = open_store(str(tracen.db), exclusive=False)
    try:
        return await enrolled(store, email, tracen.http, with_first_key=with_first_key)
    finally:
        await store.close()


async def enrolled(
    store: Store, email: str, base_url: str, *, with_first_key: bool, now_ns: int | None = None
) -> Member:
    """An account in a store, with a session."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    accounts, response = store.accounts, Response()
    account = await accounts.create(email, now_ns)
    await Sessions(accounts, base_url, lambda: now_ns).open(account, response)
    if with_first_key:
        await give_first_key(accounts, account, response, base_url=base_url, now_ns=now_ns)
    cookies = cookies_of(response)
    return Member(account, cookies, cookies.get(first_key_cookie(base_url).name, ""))


def cookies_of(response: Response) -> dict[str, str]:
    """What a browser keeps of an answer."""
    jar: SimpleCookie = SimpleCookie()
    for value in response.headers.getlist("set-cookie"):
        jar.load(value)
    return {name: morsel.value for name, morsel in jar.items()}
