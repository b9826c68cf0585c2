"""POST /api/traces: one payload out, a page's URL back; that URL alone, ahead of time; and its deletion.

Knows no span, no queue.

Never logs, and no error's message holds, the key, the payload or the server's words but where to subscribe. Errors:

    TracenError               nothing was published, as far as we know
    ├── Unreachable           no answer: refused, reset, no such name, bad certificate, too slow  (retryable)
    ├── Overloaded            429, 502, 503, 504; `retry_after_s` where the server told           (retryable)
    ├── Refused               any other status; redirects too, as they would take the key along
    │   ├── KeyRefused        401, 403
    │   ├── Unsubscribed      402; says where to subscribe
    │   └── PayloadTooLarge   413, or more than `payload.MAX_BODY_BYTES`, which is not even sent
    └── UnreadableReply       200 from something that is no Tracen
"""

from __future__ import annotations

import gzip
import hashlib
import http
import http.client
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from tracen_otel import __version__
from tracen_otel.allowance import Allowance, allowance_of
from tracen_otel.endpoint import checked_endpoint, checked_key, is_loopback
from tracen_otel.payload import MAX_BODY_BYTES, dumps
from tracen_otel.published import PublishedTrace
from tracen_otel.replies import page_in, refused_fields_in, subscribe_url_in
from tracen_otel.retry import backoff_s, retry_after_s

if TYPE_CHECKING:
    import urllib3

MAX_REPLY_BYTES = 64 * 1024
"""Read of any reply; what an OTel Collector reads too."""
_RETRYABLE = frozenset({429, 502, 503, 504})
_OF_GATEWAYS = frozenset({502, 504})
"""Told by what stands before the server, which may have kept what it was sent."""
_LEAST_COMPRESSED_BYTES = 1024
_MAY_MEAN_GZIP = frozenset({400, 415, 422})
"""What servers answer to a body that they do not unpack."""
_GZIP_LEVEL = 1
"""The text of spans repeats itself: level 1 gets most of what level 6 does for half the time."""
_FIRST_BACKOFF_S = 0.5
_MOST_BACKOFF_S = 5.0
_WORDS_BY_ERROR = {
    "NameResolutionError": "there is no such host",
    "ConnectTimeoutError": "connecting took too long",
    "NewConnectionError": "nothing accepts connections there",
    "ReadTimeoutError": "the answer took too long",
    "SSLError": "no TLS connection that can be trusted",
    "ProtocolError": "the connection broke off",
}
_PAGE_TOLD = frozenset({200, 201})


class TracenError(Exception):
    """A payload that was not published. `retryable`: the same request may succeed later.

    `may_have_arrived`: it may be published all the same, and what got lost is the answer.
    """

    retryable = False
    may_have_arrived = False
    retry_after_s: float | None = None
    status: int | None = None
    hint: str = ""

    @property
    def reason(self) -> str:
        """What to count it under: the message without what differs from trace to trace."""
        return str(self).removesuffix(f": {self.hint}")


class Unreachable(TracenError):
    """No answer came."""

    retryable = True

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class Overloaded(TracenError):
    """The server answered: later."""

    retryable = True

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"the server answered {_status_text(status)}")
        self.status: int | None = status
        self.retry_after_s = retry_after_s
        self.may_have_arrived: bool = status in _OF_GATEWAYS


class Refused(TracenError):
    """The server answered: no."""

    def __init__(self, status: int, hint: str = "") -> None:
        super().__init__(f"the server answered {_status_text(status)}{hint and f': {hint}'}")
        self.status: int | None = status
        self.hint: str = hint


class KeyRefused(Refused):
    """The key is unknown, revoked or mistyped."""


class Unsubscribed(Refused):
    """The key's account has no subscription, and the server asks for one."""

    def __init__(self, subscribe_url: str) -> None:
        super().__init__(402)
        where = f"at {subscribe_url}" if subscribe_url else "from whoever runs the server"
        told = f"{self}: the key's account has no subscription; one is to be had {where}"
        self.args: tuple[Any, ...] = (told,)


class PayloadTooLarge(Refused):
    """The body is larger than the server takes."""


class UnreadableReply(TracenError):
    """A reply without a trace id and a URL."""


class Deletion(Enum):
    """What a server says to a request to delete: it did, it knows no such page (or no such request), or it had."""

    DONE = 204
    UNKNOWN = 404
    GONE = 410


_DELETION_TOLD = frozenset(each.value for each in Deletion)


@dataclass(frozen=True, slots=True)
class _Request:
    """`wanted`: the statuses of which the caller makes something; any other is an error."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wanted: frozenset[int] = _PAGE_TOLD


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes


class TracenClient:
    """Posts payloads to one endpoint with one key. May be made before a fork and used after it.

    Bodies are packed with gzip unless the server is on this machine, or `compress` says so.
    `pause` waits between attempts; when it answers True the wait was cut short and no attempt follows.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        timeout_s: float = 10,
        *,
        compress: bool | None = None,
        pause: Callable[[float], object] = time.sleep,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self._url = checked_endpoint(endpoint) + "/api/traces"
        self._compresses = not is_loopback(endpoint) if compress is None else compress
        self._headers = {
            "X-Tracen-Key": checked_key(key),
            "Accept": "application/json",
            "User-Agent": f"tracen-otel/{__version__}",
        }
        self._timeout_s = timeout_s
        self._pause = pause
        self._unix_time = unix_time
        self._is_unpacked = False
        """Whether the server has taken a packed body: then a refusal is about what is in it."""
        self._path = urlsplit(self._url).path
        self._pool_by_pid: dict[int, urllib3.HTTPConnectionPool] = {}
        self.retries: int = 0
        self.allowance: Allowance | None = None
        """What the last answer told of the server's limit, whatever else it said."""

    def publish(self, payload: dict[str, Any], *, deadline_s: float) -> PublishedTrace:
        """Post `payload` and answer its page, trying again for at most `deadline_s` seconds from now.

        The idempotency key follows the body: a post whose answer was lost is made once, whoever makes it again.

        Raises TracenError; at once where the server asks for a longer wait than there is time.
        """
        body = dumps(payload)
        page = self.post(body, _idempotency_key(body), deadline_s=deadline_s)
        return replace(page, otel_trace_id=payload.get("otel_trace_id"))

    def post(self, body: bytes, idempotency_key: str, *, deadline_s: float) -> PublishedTrace:
        """Post a payload as it is, under a key of 1 to 255 characters: the same body under the same key is one page.

        Raises TracenError, as `publish` does.
        """
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(413, f"{len(body)} bytes, not sent")
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return _page_of(self._ask(_Request("POST", self._path, body, headers), deadline_s))

    def reserve(self, otel_trace_id: str, deadline_s: float) -> PublishedTrace:
        """Ask for the page that this OTel trace (32 hex digits) will have, within `deadline_s` seconds.

        Raises TracenError; Refused with 404 or 405 where the server does not reserve pages.
        """
        request = _Request("PUT", f"{self._path}/by-otel/{otel_trace_id}")
        return _page_of(self._ask(request, deadline_s), otel_trace_id)

    def delete(self, page_id: str, *, deadline_s: float) -> Deletion:
        """Delete a page (a UUID) for good, trying again for at most `deadline_s` seconds from now.

        Raises TracenError: Refused with 403, 405 or 501 where the server does not let its pages be deleted so;
        UnreadableReply for 200, which is no answer of Tracen's. Raises ValueError for what is no UUID.
        """
        request = _Request("DELETE", f"{self._path}/{uuid.UUID(page_id)}", wanted=_PAGE_TOLD | _DELETION_TOLD)
        status = self._ask(request, deadline_s).status
        if status not in _DELETION_TOLD:
            raise UnreadableReply(
                f"expected 204 or a refusal, got {status}; is the endpoint a Tracen server?"
            )
        return Deletion(status)

    def _ask(self, request: _Request, deadline_s: float) -> _Reply:
        """Answer what was replied, after as many attempts as there is time for."""
        end_s = time.monotonic() + deadline_s
        failures = 0
        may_have_arrived = False
        while True:
            try:
                left_s = max(end_s - time.monotonic(), 0.001)
                return self._send(request, min(self._timeout_s, left_s))
            except TracenError as error:
                failures += 1
                may_have_arrived = error.may_have_arrived = may_have_arrived or error.may_have_arrived
                if not error.retryable:
                    raise
                wait_s = _wait_s(error, failures)
                if wait_s >= end_s - time.monotonic() or self._pause(wait_s):
                    raise
                self.retries += 1

    def _send(self, request: _Request, timeout_s: float) -> _Reply:
        """One attempt; a server that takes a body plain and not packed gets it plain from then on."""
        if not self._compresses or len(request.body) < _LEAST_COMPRESSED_BYTES:
            return self._exchange(request, timeout_s)
        packed = replace(
            request,
            body=gzip.compress(request.body, _GZIP_LEVEL, mtime=0),
            headers=request.headers | {"Content-Encoding": "gzip"},
        )
        try:
            reply = self._exchange(packed, timeout_s)
            self._is_unpacked = True
            return reply
        except Refused as error:
            if self._is_unpacked or error.status not in _MAY_MEAN_GZIP:
                raise
        reply = self._exchange(request, timeout_s)
        self._compresses = False
        return reply

    def close(self) -> None:
        """Close the connection, if one is open."""
        for pool in self._pool_by_pid.values():
            pool.close()
        self._pool_by_pid = {}

    def _exchange(self, request: _Request, timeout_s: float) -> _Reply:
        import urllib3  # here, so that a program that sends nothing does not pay for it

        try:
            response = self._pool().urlopen(
                request.method,
                request.path,
                request.body,
                self._headers | request.headers,
                timeout=urllib3.Timeout(total=timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                body = _read_bounded(response)
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            message = f"no answer from {self._url}: {_in_words(error)}"
            raise Unreachable(message, may_have_arrived=not _was_never_sent(error)) from None
        self.allowance = allowance_of(response.headers)
        if response.status not in request.wanted:
            self._refuse(response, body)
        return _Reply(response.status, body)

    def _pool(self) -> urllib3.HTTPConnectionPool:
        """Answer that of this process: a connection that came along through a fork is the parent's."""
        pid = os.getpid()
        pool = self._pool_by_pid.get(pid)
        if pool is None:
            from tracen_otel.transport import new_pool

            pool = new_pool(self._url)
            self._pool_by_pid = {pid: pool}
        return pool

    def _refuse(self, response: urllib3.BaseHTTPResponse, reply: bytes) -> NoReturn:
        status = response.status
        if status in _RETRYABLE:
            raise Overloaded(status, retry_after_s(response.headers.get("Retry-After"), self._unix_time()))
        if status in (401, 403):
            raise KeyRefused(status)
        if status == 402:
            raise Unsubscribed(subscribe_url_in(reply))
        if status == 413:
            raise PayloadTooLarge(status)
        raise Refused(status, "a redirect, not followed" if 300 <= status < 400 else refused_fields_in(reply))


def import_transport() -> None:
    """Import what a post needs, for programs that will send something.

    To be called on the thread that makes an exporter: a fork amid an import on another thread leaves the child
    with half a module, or waiting for the other half, for ever.
    """
    for module in ("encodings.idna", "tracen_otel.transport"):  # getaddrinfo imports the first for any name
        import_module(module)


def _idempotency_key(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=20).hexdigest()


def _wait_s(error: TracenError, failures: int) -> float:
    """A first failure to connect is often a connection that died while the process slept: no wait then."""
    if failures == 1 and isinstance(error, Unreachable):
        return 0.0
    shortest_s = backoff_s(failures, first_s=_FIRST_BACKOFF_S, most_s=_MOST_BACKOFF_S)
    return max(error.retry_after_s or 0.0, shortest_s)


def _was_never_sent(error: Exception) -> bool:
    """Whether the server has nothing of the request. TLS can break while an answer is read; a certificate is before."""
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

    if isinstance(error, SSLError):
        return isinstance(error.args[0] if error.args else None, SSLCertVerificationError)
    return isinstance(error, ConnectTimeoutError | NewConnectionError)


def _in_words(error: Exception) -> str:
    """For a log; never the error's own text, which may quote what the server sent."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((_WORDS_BY_ERROR[name] for name in names if name in _WORDS_BY_ERROR), names[0])


def _read_bounded(response: urllib3.BaseHTTPResponse) -> bytes:
    """The reply's first MAX_REPLY_BYTES; what is longer costs the connection alone."""
    reply = b""
    while piece := response.read1(MAX_REPLY_BYTES + 1 - len(reply), decode_content=False):
        reply += piece
        if len(reply) > MAX_REPLY_BYTES:
            response.close()
            break
    return reply


def _page_of(reply: _Reply, otel_trace_id: str | None = None) -> PublishedTrace:
    page = page_in(reply.body, otel_trace_id)
    if page is None:
        raise UnreadableReply('expected {"trace_id": UUID, "url": URL}; is the endpoint a Tracen server?')
    return page


def _status_text(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
