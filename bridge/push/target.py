"""Another Tracen endpoint that traces are sent to: the form that it takes, its limit, and its errors in words.

Sent twice, a trace has one page: by its OTel trace id, or where the server knows none, by the Idempotency-Key, which
follows the body.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from tracen_otel.allowance import Allowance
from tracen_otel.client import (
    KeyRefused,
    Overloaded,
    PayloadTooLarge,
    Refused,
    TracenClient,
    TracenError,
    Unreachable,
)
from tracen_otel.model import Trace
from tracen_otel.payload import encode
from tracen_otel.published import PublishedTrace
from tracen_otel.retry import backoff_s
from tracen_otel.shrink import forms

logger = logging.getLogger("tracen.push")

TIMEOUT_S = 60.0
"""Of one post: 5 MiB over a slow line."""
_STRICT = frozenset({400, 422})
"""What a server may answer that knows the documented fields alone."""
_MOST_WAITS = 30
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 300.0

Wait = Callable[[float], None]


class Target:
    """Takes traces, one after the other. `documented`: their documented fields alone; else that is found out.

    `wait`: waits as long as the endpoint asks for; without it that is an error.
    """

    def __init__(self, client: TracenClient, *, documented: bool = False, wait: Wait | None = None) -> None:
        self._client = client
        self._extended: bool | None = False if documented else None
        self._wait = wait

    @property
    def allowance(self) -> Allowance | None:
        """What the endpoint told last of its limit."""
        return self._client.allowance

    def take(self, trace: Trace) -> PublishedTrace:
        """Send a trace and answer its page there. Raises TracenError."""
        if self._extended is not None:
            return self._take_what_fits(trace, extended=self._extended)
        try:
            page = self._take_what_fits(trace, extended=True)
            self._extended = True  # from now on a refusal is about the trace, not the form
            return page
        except Refused as error:
            if error.status not in _STRICT:
                raise
            refusal = error
        logger.debug("%s: the documented fields alone are tried", refusal)
        try:
            page = self._take_what_fits(trace, extended=False)
        except Refused:
            raise refusal from None  # it is not the form: what the server said first tells more
        self._extended = False
        return page

    def _take_what_fits(self, trace: Trace, *, extended: bool) -> PublishedTrace:
        refusal: PayloadTooLarge | None = None
        for body in _bodies(trace, extended):
            try:
                return self._post(body)
            except PayloadTooLarge as error:
                refusal = error
                logger.debug("%s: a smaller form is tried", error)
        raise refusal or AssertionError("a trace has at least the form it came in")

    def _post(self, body: dict[str, Any]) -> PublishedTrace:
        waits = 0
        while True:
            try:
                page = self._client.publish(body, deadline_s=TIMEOUT_S)
                logger.debug("taken as page %s, %d steps", page.trace_id, len(body["steps"]))
                return page
            except Overloaded as error:
                waits += 1
                if self._wait is None or waits > _MOST_WAITS:
                    raise
                shortest_s = backoff_s(waits, first_s=_FIRST_WAIT_S, most_s=_LONGEST_WAIT_S)
                self._wait(error.retry_after_s or shortest_s)


def client_of(endpoint: str, key: str) -> TracenClient:
    """A client that tries once more where a connection broke off, and leaves longer waits to whoever calls."""
    return TracenClient(endpoint, key, TIMEOUT_S, pause=lambda seconds: seconds > 0)


def _bodies(trace: Trace, extended: bool) -> Iterator[dict[str, Any]]:
    return (encode(form, extended=extended) for form in forms(trace))


def ends_all(error: TracenError) -> bool:
    """Whether what comes after this trace would fail in the same way."""
    is_of_trace = isinstance(error, PayloadTooLarge) or error.status in _STRICT
    is_fault = isinstance(error, Refused) and error.status is not None and error.status >= 500
    return not (is_of_trace or is_fault)


def words_of(error: TracenError, endpoint: str) -> str:
    """What was refused and what would help."""
    if isinstance(error, KeyRefused):
        return f"{endpoint} refuses the key ({error.status}); give one of an account there that may write"
    if isinstance(error, PayloadTooLarge):
        return "too large for the endpoint, in its smallest form too"
    if isinstance(error, Refused) and error.status is not None and 300 <= error.status < 400:
        return (
            f"{endpoint} answered {error.status}, a redirect; that is not followed, as it would take the key along: "
            "give the address that it leads to"
        )
    if isinstance(error, Refused) and error.status in (404, 405):
        return (
            f"{endpoint} answered {error.status} to POST /api/traces; is that the start of a Tracen's URLs?"
        )
    if isinstance(error, Unreachable) and error.may_have_arrived:
        return f"{error}; it may have arrived: sent again, it gets the same page"
    return f"{endpoint}: {error}" if endpoint not in str(error) else str(error)
