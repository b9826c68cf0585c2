"""`tracen accounts …`: what whoever runs a server does with its accounts, beside a running server or without one.

A pipe gets plain lines: what a command was called for on stdout, remarks on stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from bridge import presence
from bridge.console import DEFAULT_BASE_URL, BaseUrl, account_named, db_option, json_option, on_store
from bridge.help import Commands

if TYPE_CHECKING:
    from viewer.store.base import Store
    from viewer.store.people import Account, Subscription


_MANY = 1_000
_LAST_YEAR = 2199
"""Nanoseconds since 1970 end in 2262 where they are kept."""
_BASE_URL = click.option(
    "--base-url",
    type=BaseUrl(),
    envvar="TRACEN_BASE_URL",
    show_envvar=True,
    help=f"Where the server is, as its users reach it; default: that which runs on --db, else {DEFAULT_BASE_URL}.",
)
_EMAIL = click.argument("email", metavar="EMAIL")


@click.group("accounts", cls=Commands)
def accounts() -> None:
    """Accounts: who has one, and how they get in. Works beside a running server.

    Example: tracen accounts link local@tracen
    """


@accounts.command("list")
@json_option
@db_option
def list_accounts(as_json: bool, db: str) -> None:
    """List all accounts: address, made, password, plan, subscription.

    Example: tracen accounts list | cut -f1
    """
    found = on_store(db, _all)
    if as_json:
        for account in found:
            click.echo(json.dumps(_as_object(account), ensure_ascii=False))
        return
    if sys.stdout.isatty():
        _print_table(found)
        return
    for account in found:
        click.echo("\t".join(_row(account)))


@accounts.command("create")
@_EMAIL
@db_option
def create_account(email: str, db: str) -> None:
    """Make an account without a password, and print its address; `tracen accounts link` gets its owner in.

    Example: tracen accounts create ada@team.example
    """
    address = _new_address(email)

    async def work(store: Store) -> bool:
        if await store.accounts.by_email(address) is not None:
            return False
        await store.accounts.create(address, time.time_ns())
        return True

    if not on_store(db, work, is_made=True):
        raise click.ClickException(f"there is an account {address} already")
    click.echo(address)


@accounts.command("invite")
@click.argument("email", metavar="[EMAIL]", default="")
@_BASE_URL
@db_option
def invite(email: str, base_url: str | None, db: str) -> None:
    """Print a URL with which an account can be made, once, within 7 days; with EMAIL, only one of that address.

    A server with --sign-up closed takes none.

    Example: tracen accounts invite ada@team.example --base-url https://traces.team.example
    """
    address = _new_address(email) if email else ""
    start = base_url or _served_at(db)
    if os.environ.get("TRACEN_SIGN_UP") == "closed":
        raise click.ClickException(
            "TRACEN_SIGN_UP is closed, and then no invitation is taken; `tracen accounts create` makes an account"
        )

    async def work(store: Store) -> str | None:
        from viewer.accounts.tickets import invitation_url

        if address and await store.accounts.by_email(address) is not None:
            return None
        return await invitation_url(store.accounts, address, start, time.time_ns())

    url = on_store(db, work)
    if url is None:
        raise click.ClickException(f"there is an account {address} already")
    click.echo(url)


@accounts.command("link")
@_EMAIL
@_BASE_URL
@db_option
def link(email: str, base_url: str | None, db: str) -> None:
    """Print a URL that logs in to an account, once, within 15 minutes, and can set a new password.

    For who forgot theirs, and for the account that the server made at its first start.

    Example: tracen accounts link local@tracen
    """
    start = base_url or _served_at(db)

    async def work(store: Store) -> str:
        from viewer.accounts.tickets import login_url

        account = await _account(store, email)
        return await login_url(store.accounts, account, start, time.time_ns())

    click.echo(on_store(db, work))


@accounts.command("password")
@_EMAIL
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from the first line of stdin.")
@db_option
def set_password(email: str, from_stdin: bool, db: str) -> None:
    """Set the password of an account, asked for twice; every browser is logged out of it.

    Example: pass show tracen | tracen accounts password ada@team.example --stdin
    """
    from viewer.accounts.passwords import Passwords, WrongPassword

    on_store(db, lambda store: _account(store, email))  # before anything is typed
    password = _read_line() if from_stdin else _asked_password()

    async def work(store: Store) -> None:
        account, passwords = await _account(store, email), Passwords()
        await passwords.check_new(password, account.email)
        await store.accounts.set_password(account.id, await passwords.hash(password), keep=None)

    try:
        on_store(db, work)
    except WrongPassword as error:
        raise click.ClickException(str(error)) from None
    click.echo("The password is set.", err=True)


@accounts.command("subscribe")
@_EMAIL
@click.option("--plan", default=None, help="Name of the plan; without it the one that the account has.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Last day (UTC); without it there is no end.",
)
@db_option
def subscribe(email: str, plan: str | None, until: datetime | None, db: str) -> None:
    """Give an account a subscription, without anybody being charged.

    Example: tracen accounts subscribe ada@team.example --plan pro --until 2030-12-31
    """
    if plan:
        _check_plan(plan)
    if until and until.year > _LAST_YEAR:
        raise click.BadParameter(
            f"expected a day before {_LAST_YEAR + 1}-01-01; without --until there is no end",
            param_hint="--until",
        )
    ends = until.replace(tzinfo=UTC) + timedelta(days=1) if until else None
    if ends and ends <= datetime.now(UTC):
        raise click.BadParameter("this day is over", param_hint="--until")
    until_ns = int(ends.timestamp()) * 10**9 if ends else None
    told = on_store(db, lambda store: _subscribe(store, email, plan, True, until_ns))
    click.echo(f"{email}: {_told(told)}", err=True)


@accounts.command("unsubscribe")
@_EMAIL
@db_option
def unsubscribe(email: str, db: str) -> None:
    """End the subscription of an account here. What Stripe charges is ended at Stripe.

    Example: tracen accounts unsubscribe ada@team.example
    """
    on_store(db, lambda store: _subscribe(store, email, "", False, None))
    click.echo(f"{email}: no subscription", err=True)


@accounts.command("delete")
@_EMAIL
@click.option("--yes", is_flag=True, help="Do not ask.")
@db_option
def delete_account(email: str, yes: bool, db: str) -> None:
    """Delete an account with its traces, pages and keys, for good.

    Example: tracen accounts delete ada@team.example --yes
    """
    account = on_store(db, lambda store: _account(store, email))
    if not yes:
        click.confirm(f"Delete {account.email} and all of its traces, for good?", abort=True, err=True)

    async def work(store: Store) -> None:
        await store.accounts.close_account(account.id, time.time_ns())

    on_store(db, work)
    if account.subscription.customer_id:
        click.echo(f"Stripe may still charge {account.subscription.customer_id}: end that there.", err=True)
    click.echo(
        f"{account.email} is deleted; a running server overwrites what it had within minutes.", err=True
    )


def _served_at(db: str) -> str:
    """How the URLs of the server of a store begin."""
    doors = None if "://" in db else presence.find(db)
    return doors.base_url if doors else DEFAULT_BASE_URL


# -- over the store ------------------------------------------------------------------------------------


async def _all(store: Store) -> list[Account]:
    from viewer.front.sample import EMAIL

    found: list[Account] = []
    while some := await store.accounts.all(found[-1].id if found else "", _MANY):
        found += some
    return [account for account in found if account.email != EMAIL]


async def _account(store: Store, email: str) -> Account:
    account = await store.accounts.by_email(account_named(email))
    if account is None:
        raise click.ClickException(f"there is no account {email[:80]}; `tracen accounts list` shows all")
    return account


async def _subscribe(
    store: Store, email: str, plan: str | None, is_active: bool, until_ns: int | None
) -> Subscription:
    from viewer.store.people import Subscription

    account = await _account(store, email)
    before = account.subscription
    told_ns = max(time.time_ns(), before.told_ns)
    told = Subscription(
        before.plan if plan is None else plan, is_active, until_ns, before.customer_id, told_ns
    )
    await store.accounts.set_subscription(account.id, told)
    return told


# -- what is typed and shown ---------------------------------------------------------------------------


def _new_address(email: str) -> str:
    from viewer.accounts.addresses import WrongAddress, address_of

    try:
        return address_of(email)
    except WrongAddress as error:
        raise click.BadParameter(str(error), param_hint="EMAIL") from None


def _check_plan(plan: str) -> None:
    """Refuse what no plan is called; and what no plan is, where TRACEN_PLANS has them."""
    from viewer.limits import is_plan_name, plans_of

    hint = "--plan"
    if not is_plan_name(plan):
        raise click.BadParameter(
            f"expected a name of a-z, 0-9, - and _ (40 at most), got {plan[:60]!r}", param_hint=hint
        )
    if told := os.environ.get("TRACEN_PLANS", "").strip():
        try:
            plans = plans_of(told, 1)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="TRACEN_PLANS") from None
        if plan not in plans.limit_by_name:
            known = ", ".join(plans.limit_by_name)
            raise click.BadParameter(
                f"expected a plan of TRACEN_PLANS ({known}), got {plan!r}", param_hint=hint
            )


def _read_line() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.ClickException("expected a password in UTF-8 on stdin, got other bytes") from None


def _asked_password() -> str:
    password: str = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _row(account: Account) -> Sequence[str]:
    made = datetime.fromtimestamp(account.created_ns / 10**9, UTC).strftime("%Y-%m-%d")
    subscription = account.subscription
    return (
        account.email,
        made if account.created_ns else "-",
        "password" if account.has_password else "-",
        subscription.plan or "-",
        _told(subscription),
    )


def _as_object(account: Account) -> dict[str, Any]:
    """As --json has it; times are ISO 8601, or null."""
    subscription = account.subscription
    return {
        "email": account.email,
        "created_at": _moment(account.created_ns or None),
        "has_password": account.has_password,
        "plan": subscription.plan,
        "is_subscribed": subscription.is_active_at(time.time_ns()),
        "subscribed_until": _moment(subscription.until_ns),
    }


def _moment(at_ns: int | None) -> str | None:
    return None if at_ns is None else f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _told(subscription: Subscription) -> str:
    if not subscription.is_active_at(time.time_ns()):
        return "-"
    if subscription.until_ns is None:
        return "subscribed"
    last = datetime.fromtimestamp(subscription.until_ns / 10**9, UTC) - timedelta(seconds=1)
    return f"subscribed until {last:%Y-%m-%d}"


def _print_table(found: Sequence[Account]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("ADDRESS", "MADE", "PASSWORD", "PLAN", "SUBSCRIPTION"):
        table.add_column(title, overflow="fold")
    for account in found:
        cells: list[Any] = [Text(cell) for cell in _row(account)]
        table.add_row(*cells)
    Console().print(table)
