"""`tracen open`: a trace, or the list of them, in a browser."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from bridge.asking import Server, ServerError
from bridge.completing import Traces
from bridge.console import db_option, endpoint_option, key_option, linked, on_store, remark
from bridge.whereabouts import Whereabouts, key_for, whereabouts

if TYPE_CHECKING:
    from viewer.store.base import Store

_LIST = "/app/traces"


@click.command("open")
@click.argument("trace", metavar="[TRACE]", default="", type=Traces())
@click.option(
    "--app", "is_app", is_flag=True, help="The list of traces, logged in as this machine's account."
)
@click.option("--no-browser", is_flag=True, help="Print the URL alone.")
@endpoint_option
@key_option
@db_option
def open_(trace: str, is_app: bool, no_browser: bool, endpoint: str | None, key: str | None, db: str) -> None:
    """Open the newest trace in a browser, or the one that is given; print its URL.

    TRACE is a page id, an OTel trace id or a URL of the server. The server is the one at --endpoint; without that, the
    one that runs on --db, and there it is the local account's newest trace where no key is given. With --app, the list
    of traces is opened; a link that logs in once, within 15 minutes, needs the store's file.

    Example: tracen open --app
    """
    if is_app and trace:
        raise click.UsageError("--app opens the list; leave TRACE out")
    found = whereabouts(endpoint, db)
    url = _list_url(db, found) if is_app else _page_url(trace, key, found, db)
    click.echo(linked(url))
    if not no_browser:
        _show(url)


def _show(url: str) -> None:
    from bridge.opening import show

    if reason := show(url):
        remark(f"No browser was opened: {reason}. Copy the URL to one.")


def _page_url(trace: str, key: str | None, found: Whereabouts, db: str) -> str:
    from bridge.opening import NotThere, Pages

    needs_key = not trace or ("-" not in trace and "://" not in trace)
    try:
        with key_for(found, key, db, "tracen open") if needs_key else nullcontext(key) as known:
            pages = Pages(Server(found.endpoint, known), found.base_url)
            return pages.named(trace) if trace else pages.newest()
    except NotThere as error:
        raise click.ClickException(str(error)) from None
    except ServerError as error:
        raise found.refusal(error) from None


def _list_url(db: str, found: Whereabouts) -> str:
    """With a link that logs in where the store is here; elsewhere whoever opens it logs in by password.

    Raises click.ClickException where nobody is: what is printed can be opened.
    """
    base_url = found.base_url
    if found.doors is None:
        try:
            Server(found.endpoint).ask("GET", "/healthz")
        except ServerError as error:
            raise found.refusal(error) from None
        return base_url + _LIST

    async def work(store: Store) -> str:
        from viewer.accounts.addresses import LOCAL
        from viewer.accounts.tickets import login_url

        account = await store.accounts.by_email(LOCAL)
        if account is None:
            return base_url + _LIST
        return await login_url(store.accounts, account, base_url, time.time_ns())

    return on_store(db, work)
