"""`tracen push`: traces to another endpoint, once. What goes on by itself is `tracen forward`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from bridge.console import BaseUrl, bar_a_stage, complain, db_option, json_option, linked, remark

if TYPE_CHECKING:
    from bridge.push.found import Found, Unusable
    from bridge.push.sources import Sources
    from bridge.push.target import Target
    from tracen_otel.client import Overloaded
    from tracen_otel.published import PublishedTrace

_TO, _KEY = "TRACEN_FORWARD_TO", "TRACEN_FORWARD_KEY"
"""Those of `tracen forward`. TRACEN_ENDPOINT and TRACEN_KEY are of this machine's server; its key goes nowhere else."""


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@click.option(
    "--to",
    "endpoint",
    metavar="URL",
    required=True,
    type=BaseUrl(),
    envvar=_TO,
    show_envvar=True,
    help="The other Tracen endpoint. There is no default.",
)
@click.option(
    "--key",
    metavar="KEY",
    envvar=_KEY,
    show_envvar=True,
    help="API key of an account there; TRACEN_KEY, of this machine's server, is never sent.",
)
@click.option("--wait", is_flag=True, help="Wait where the endpoint asks for it, instead of failing.")
@click.option("--documented", is_flag=True, help="Send the documented fields alone, to whatever endpoint.")
@click.option("--private-too", is_flag=True, help="Send traces as well that are not shared here.")
@click.option("--redact/--no-redact", default=True, show_default=True, help="Mask secrets.")
@db_option
@json_option
def push(
    sources: tuple[str, ...],
    endpoint: str,
    key: str | None,
    wait: bool,
    documented: bool,
    private_too: bool,
    redact: bool,
    db: str,
    as_json: bool,
) -> None:
    """Send traces out of files, of the store or of pages to another Tracen endpoint, and print their URLs there.

    SOURCE is a file of payloads, one or a line each (as of `tracen convert`), or an OTLP trace request (.pb, .json;
    - is stdin); a page id or OTel trace id (32 hex digits) of the store; or the URL of any page that is shared.

    What is sent twice has one page. A server that knows the documented fields alone gets those.

    Example: TRACEN_FORWARD_KEY=tracen_sk_… tracen push run.json --to https://traces.example
    """
    from bridge.push.stored import StoredTraces
    from bridge.push.target import Target, client_of
    from tracen_otel.redact import Redaction

    endpoint = _known_endpoint(endpoint)
    client = client_of(endpoint, _known_key(endpoint, key))
    named = _named(sources, db, endpoint)
    _warn_of_clear_text(endpoint)
    redaction = Redaction(redact)
    target = Target(client, documented=documented, wait=_waiting(endpoint) if wait else None)
    shipment = _Shipment(target, endpoint, as_json=as_json)
    shipment.send_all(named.found(StoredTraces(db, redaction, private_too=private_too), redaction))
    shipment.conclude()


class _Shipment:
    """Sends what was found, prints what became of it, and keeps count."""

    def __init__(self, target: Target, endpoint: str, *, as_json: bool) -> None:
        self._target = target
        self._endpoint = endpoint
        self._as_json = as_json
        self._sent = self._failed = 0
        self._ended_early = False

    def send_all(self, found: Iterable[Found | Unusable]) -> None:
        """Send one after the other, until none that follows would succeed.

        In a terminal the URLs are the progress.
        """
        with bar_a_stage() as watch:
            for each in found:
                if not self._send(each):
                    break
                if not sys.stdout.isatty():
                    watch("sent", self._sent, 0)

    def _send(self, found: Found | Unusable) -> bool:
        """Send one trace; False where none that follows would succeed."""
        from bridge.push.found import Unusable
        from bridge.push.target import ends_all, words_of
        from tracen_otel.client import Overloaded, TracenError

        if isinstance(found, Unusable):
            self._fail(found.where, found.reason)
            return True
        try:
            self._print(found.where, self._target.take(found.trace))
        except TracenError as error:
            told = (
                self._words_of_wait(error)
                if isinstance(error, Overloaded)
                else words_of(error, self._endpoint)
            )
            self._fail(found.where, told)
            self._ended_early = ends_all(error)
            return not self._ended_early
        self._sent += 1
        return True

    def conclude(self) -> None:
        """Say how many were sent, where that is not plain; exit code 1 where one was not."""
        if self._sent + self._failed > 1:
            failed = f", {self._failed} not" if self._failed else ""
            rest = "; what follows was not tried" if self._ended_early else ""
            remark(f"{self._sent} sent to {self._endpoint}{failed}{rest}.")
        if self._failed:
            sys.exit(1)

    def _words_of_wait(self, error: Overloaded) -> str:
        told = self._target.allowance
        why = (
            f"{self._endpoint} takes no more for now" if error.status == 429 else f"{self._endpoint}: {error}"
        )
        if error.status == 429 and told and told.limit and told.window_s == 3600:
            why += f", its limit is {told.limit} an hour"
        when = f"again {_in_words(error.retry_after_s)}" if error.retry_after_s else "try again later"
        return f"{why}: {when}, or give --wait"

    def _print(self, where: str, page: PublishedTrace) -> None:
        from viewer.logs import one_line

        if self._as_json:
            told = {
                "source": where,
                "trace_id": page.trace_id,
                "url": page.url,
                "otel_trace_id": page.otel_trace_id,
            }
            click.echo(json.dumps(told, ensure_ascii=False))
        else:
            click.echo(linked(one_line(page.url)))

    def _fail(self, where: str, reason: str) -> None:
        from viewer.logs import one_line

        self._failed += 1
        complain(f"{one_line(where)}: {one_line(reason)}")


# -- before anything is sent -----------------------------------------------------------------------------


def _known_endpoint(endpoint: str) -> str:
    """The endpoint in its normal form. Raises click.BadParameter."""
    from tracen_otel.endpoint import checked_endpoint

    try:
        return checked_endpoint(endpoint)
    except ValueError as error:
        raise click.BadParameter(str(error).removeprefix("endpoint: "), param_hint="--to") from None


def _known_key(endpoint: str, key: str | None) -> str:
    """The key for `endpoint`. Raises click.UsageError, also for one that is another endpoint's."""
    from tracen_otel.endpoint import checked_key, normal_url

    if not key:
        raise click.UsageError(
            f"which account of {endpoint} gets them? Give its key as --key or {_KEY} (TRACEN_KEY is not sent elsewhere)"
        )
    is_from_environment = (
        click.get_current_context().get_parameter_source("key") is ParameterSource.ENVIRONMENT
    )
    belongs_to = os.environ.get(_TO, "")
    if is_from_environment and belongs_to and normal_url(belongs_to) != endpoint:
        raise click.UsageError(
            f"{_KEY} is the key for {belongs_to}, as {_TO} says; give that for {endpoint} as --key"
        )
    try:
        return checked_key(key)
    except ValueError as error:
        raise click.BadParameter(str(error).removeprefix("key: "), param_hint="--key") from None


def _named(names: tuple[str, ...], db: str, endpoint: str) -> Sources:
    from bridge.push.sources import WrongSource, sources_of

    try:
        return sources_of(names, db, endpoint)
    except WrongSource as error:
        raise click.UsageError(str(error)) from None


def _warn_of_clear_text(endpoint: str) -> None:
    from tracen_otel.endpoint import is_loopback

    if urlsplit(endpoint).scheme == "http" and not is_loopback(endpoint):
        remark(f"{endpoint} is no https: the key and the traces can be read on the way.", fg="yellow")


# -- waiting ---------------------------------------------------------------------------------------------


def _waiting(endpoint: str) -> Callable[[float], None]:
    def wait(seconds: float) -> None:
        remark(f"{endpoint} takes more {_in_words(seconds)}; waiting.")
        time.sleep(seconds)

    return wait


def _in_words(seconds: float) -> str:
    """`in 12 min, at 14:32`."""
    at = datetime.fromtimestamp(time.time() + seconds).astimezone()
    length = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"in {length}, at {at:%H:%M:%S}"
