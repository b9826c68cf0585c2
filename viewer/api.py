"""`POST /api/traces` and its friends: what programs call, answered in JSON, refused in problem+json."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from tracen_otel import payload
from tracen_otel.model import Trace
from tracen_otel.redact import Redaction
from viewer.bodies import BodyTooLarge, drained, media_type_of, read_body, stream_of
from viewer.keys import Authenticator, ScopeMissing, Unauthenticated, secret_of
from viewer.limits import Guesses, Limiter
from viewer.listing import Listing, cursor_after, parse_cursor, parse_limit
from viewer.masking import masked, repeats_a_name
from viewer.network import address_of
from viewer.policy import with_key
from viewer.problems import REFUSALS, UnsupportedMediaType, problem, refusal
from viewer.reading import DELETED, WITHDRAWN
from viewer.requests import ACCEPTED, GONE, Door, RequestRecord, Requests, outcome_of
from viewer.settings import Settings
from viewer.store.base import (
    RESERVATIONS,
    KeyGone,
    LimitReached,
    Page,
    Post,
    Quota,
    Store,
    StoreUnavailable,
)
from viewer.store.people import ALL_SCOPES, Key, Scope
from viewer.subscriptions.required import check_subscription
from viewer.workers import run_sized

MAX_IDEMPOTENCY_KEY = 255
_WRITE, _READ = frozenset({Scope.WRITE}), frozenset({Scope.READ})
_MAX_UNWANTED_BYTES = 64 * 1024
"""Of a body where none is wanted."""
_NOT_RECEIVED = (
    "Nothing was received of this trace with a key of this account. Through a Collector it may take a moment longer. "
    "If nothing comes: the log of the program's OpenTelemetry SDK, `tracen doctor` in the program's environment, and "
    "GET /api/requests with its key tell why."
)

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The routes under `/api`, over one store."""

    def __init__(
        self,
        store: Store,
        keys: Authenticator,
        settings: Settings,
        requests: Requests,
        listing: Listing,
        limiter: Limiter,
        guesses: Guesses,
        clock_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._requests = requests
        self._listing = listing
        self._limiter = limiter
        self._guesses = guesses
        self._clock_ns = clock_ns
        told = self._telling_quota
        self.routes = [
            with_key("/api/traces", told(self.traces), ["GET", "POST"]),
            with_key("/api/traces/by-otel/{otel_trace_id}", told(self.by_otel), ["GET", "PUT"]),
            with_key("/api/traces/{page_id}", told(_refusing(self.delete_trace)), ["DELETE"]),
            with_key("/api/requests", told(_refusing(self.list_requests)), ["GET"]),
        ]

    def _telling_quota(self, handler: Handler) -> Handler:
        """Say on every answer, whatever it is, what the key has left, once it is known whose request it is."""

        async def answer(request: Request) -> Response:
            response = await handler(request)
            key: Key | None = getattr(request.state, "key", None)
            quota: Quota | None = getattr(request.state, "quota", None)
            if key is None:
                return response
            try:
                return _with_quota(response, quota or await self._limiter.quota_of(key))
            except StoreUnavailable:  # no reason to take back what was answered
                return response

        return answer

    async def traces(self, request: Request) -> Response:
        """One route for both methods, so that a third one is told of both."""
        if request.method == "POST":
            return await self.post_trace(request)
        return await _refusing(self.list_traces)(request)

    async def post_trace(self, request: Request) -> Response:
        """Keep a payload and answer where it is shown; what became of the request is recorded."""
        headers = request.headers
        record = self._requests.begin(
            Door.POST,
            "traces",
            media_type_of(headers.get("content-type"))[:60],
            headers.get("user-agent"),
            address_of(request, self._settings.proxies),
        )
        try:
            response = await _refusing(lambda request: self._post(request, record))(request)
            record.status = str(response.status_code)
            return response
        finally:
            self._requests.end(record)

    async def _post(self, request: Request, record: RequestRecord) -> Response:
        """Key, subscription and limit are settled before the body is read."""
        try:
            key = await self._key_of(request)
            record.belongs_to(key)
            check_subscription(key, self._settings, self._clock_ns())
            idempotency_key = _idempotency_key(request)
            quota = await self._limiter.quota_of(key)
            if quota.remaining == 0 and not await self._is_replay(key, idempotency_key):
                raise LimitReached(quota)
            return await self._keep(request, key, idempotency_key, record)
        except REFUSALS as error:
            record.outcome, record.message = outcome_of(error, REFUSALS), str(error)
            if isinstance(error, LimitReached):
                request.state.quota = error.quota
            return await drained(request, refusal(error))
        except (ClientDisconnect, asyncio.CancelledError):
            # Answered by _refusing, where there is somebody to answer.
            record.outcome, record.message = GONE, "the sender went away, or the server ended"
            raise

    async def _is_replay(self, key: Key, idempotency_key: str | None) -> bool:
        return idempotency_key is not None and await self._store.is_answered(key.account_id, idempotency_key)

    async def _keep(
        self, request: Request, key: Key, idempotency_key: str | None, record: RequestRecord
    ) -> Response:
        _require_json(request.headers.get("content-type"))
        headers, max_bytes = request.headers, self._settings.max_body_bytes
        body = await read_body(
            stream_of(request), headers.get("content-length"), headers.get("content-encoding"), max_bytes
        )
        record.size = len(body)
        read = await run_sized(len(body), _read, body, self._settings.redact, max_bytes)
        trace = read.trace
        otel_trace_id = bytes.fromhex(trace.otel_trace_id) if trace.otel_trace_id else secrets.token_bytes(16)
        post = Post(
            key.account_id,
            key.id,
            read.body,
            otel_trace_id,
            self._clock_ns(),
            self._limiter.limit_of(key),
            idempotency_key,
            read.digest,
            self._limiter.clock_ns(),
        )
        try:
            outcome = await self._store.post(post)
        except KeyGone as error:  # while the body came
            raise Unauthenticated(str(error)) from None
        request.state.quota = outcome.quota
        where = self._where(outcome.page_id)
        record.outcome, record.url = ACCEPTED, where["url"]
        record.spans, record.traces = len(trace.steps), 1
        record.trace_ids = frozenset({otel_trace_id})
        return JSONResponse(where)

    async def list_traces(self, request: Request) -> Response:
        """Answer the account's traces, newest first."""
        key = await self._key_of(request, _READ)
        limit = parse_limit(request.query_params.get("limit"))
        cursor = parse_cursor(request.query_params.get("cursor"))
        found = await self._store.recent_traces(key.account_id, cursor, limit)
        entries = await self._listing.entries(key.account_id, found, self._clock_ns())
        told = [entry | self._where(str(entry["trace_id"])) for entry in entries]
        more = cursor_after(found[-1]) if len(found) == limit else None
        return JSONResponse({"traces": told, "next": more})

    async def list_requests(self, request: Request) -> Response:
        """Answer what became of the last requests of this key, and which traces came with it."""
        key = await self._key_of(request, frozenset())
        return JSONResponse(
            {
                "requests": [record.told() for record in self._requests.of_key(key.id)],
                "traces": [trace_id.hex() for trace_id in self._requests.traces_of_key(key.id)],
            }
        )

    async def delete_trace(self, request: Request) -> Response:
        """Delete a trace of the account for good; a second time is as good as the first.

        A key that only sends, or only reads, is often in more hands than one that may do both.
        """
        key = await self._key_of(request, ALL_SCOPES)
        page = await self._store.page(request.path_params["page_id"])
        if page is None or page.account_id != key.account_id:
            return problem(404, "No such trace", "No trace of this account has this id.")
        if page.withdrawn:
            return problem(410, *WITHDRAWN)
        if not page.deleted:
            await self._store.delete(page, self._clock_ns())
        return Response(status_code=204)

    async def by_otel(self, request: Request) -> Response:
        """One route for both methods, so that a third one is told of both."""
        if request.method == "PUT":
            return await self.reserve(request)
        return await _refusing(self.find_by_otel)(request)

    async def find_by_otel(self, request: Request) -> Response:
        """Answer where a trace that came over OTLP (or by POST with an OTel trace id) is shown, or will be."""
        key = await self._key_of(request)
        otel_trace_id = _otel_trace_id(request.path_params["otel_trace_id"])
        if otel_trace_id is None:
            return _no_otel_trace_id()
        page = await self._store.page_of(key.account_id, otel_trace_id, self._clock_ns())
        if page is None:
            return problem(404, "No such trace", _NOT_RECEIVED)
        return self._told(page)

    async def reserve(self, request: Request) -> Response:
        """Answer where a trace will be shown, of which nothing needs to have come; counted, remembered if refused."""
        record = self._requests.begin(
            Door.POST,
            "reservations",
            "",
            request.headers.get("user-agent"),
            address_of(request, self._settings.proxies),
        )
        try:
            response = await _refusing(lambda request: self._reserve(request, record))(request)
            record.status = str(response.status_code)
            return await drained(request, response, _MAX_UNWANTED_BYTES)
        finally:
            self._requests.end(record)

    async def _reserve(self, request: Request, record: RequestRecord) -> Response:
        try:
            key = await self._key_of(request)
            record.belongs_to(key)
            otel_trace_id = _otel_trace_id(request.path_params["otel_trace_id"])
            if otel_trace_id is None:
                record.outcome, record.message = "no_trace_id", "an OTel trace id is 32 hex digits"
                return _no_otel_trace_id()
            page = await self._store.reserve(key.account_id, otel_trace_id, self._clock_ns(), RESERVATIONS)
        except REFUSALS as error:
            record.outcome, record.message = outcome_of(error, REFUSALS), str(error)
            raise
        except asyncio.CancelledError:
            record.outcome, record.message = GONE, "the server ended"
            raise
        if page.deleted:
            record.outcome, record.message = "deleted", "the trace was deleted"
        else:  # what was sent says more about a key than which pages were asked for
            record.key_id, record.outcome = None, ACCEPTED
        return self._told(page)

    def _told(self, page: Page) -> Response:
        if page.deleted:
            return problem(410, *DELETED)
        return JSONResponse(self._where(page.id))

    def _where(self, page_id: str) -> dict[str, str]:
        return {"trace_id": page_id, "url": page_url(self._settings.base_url, page_id)}

    async def _key_of(self, request: Request, scopes: Set[Scope] = _WRITE) -> Key:
        """The key of a request, if it has all of these scopes.

        A network that keeps sending wrong ones is told to wait; right ones always pass.
        """
        secret = secret_of(request.headers)
        try:
            request.state.key = key = await self._keys.key_of(secret, None)
        except Unauthenticated:
            if secret:
                address = address_of(request, self._settings.proxies)
                self._guesses.check(address)
                self._guesses.failed(address)
            raise
        for missing in sorted(scopes - key.scopes):
            raise ScopeMissing(missing)
        return key


def _no_otel_trace_id() -> Response:
    return problem(404, "No such trace", "An OTel trace id is 32 hex digits, not all zero.")


@dataclass(frozen=True, slots=True)
class _Read:
    """What was posted, and the body to keep. `digest` is that of the body as it came: one that was retried has it."""

    trace: Trace
    body: bytes
    digest: bytes


def _read(body: bytes, redacts: bool, max_bytes: int) -> _Read:
    """What is posted. Raises PayloadError, and BodyTooLarge where a body grows beyond twice what may be sent.

    A body is kept as it came where nothing was masked, and where what was looked at is all that it says.
    """
    digest = hashlib.sha256(body).digest()
    value = payload.parse(body)
    trace = payload.decode(value)
    told, count = masked(Redaction(redacts), value)
    if not redacts or not (count or repeats_a_name(body)):
        return _Read(trace, body, digest)
    kept = payload.dumps(told)
    if len(kept) > 2 * max_bytes:
        raise BodyTooLarge(2 * max_bytes, masked=True)
    return _Read(payload.decode(told) if count else trace, kept, digest)


def page_url(base_url: str, page_id: str) -> str:
    """The absolute URL of a page. From the settings, never from a Host header."""
    return f"{base_url}/traces/{page_id}"


def _refusing(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except REFUSALS as error:
            return await drained(request, refusal(error))
        except asyncio.CancelledError:  # the server ends, and this request with it
            return refusal(StoreUnavailable("the server is ending"))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    return answer


def _require_json(content_type: str | None) -> None:
    media_type = media_type_of(content_type)
    if media_type != "application/json":
        came = repr(media_type[:60]) if media_type else "none"
        raise UnsupportedMediaType(f"Content-Type: expected application/json, got {came}.")


def _idempotency_key(request: Request) -> str | None:
    """Bare, as Stripe writes it, or quoted, as the IETF draft does."""
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not 1 <= len(value) <= MAX_IDEMPOTENCY_KEY:
        raise payload.InvalidPayload(
            [payload.FieldError("Idempotency-Key", f"expected 1 to {MAX_IDEMPOTENCY_KEY} characters")]
        )
    return value


def _otel_trace_id(text: str) -> bytes | None:
    if len(text) != 32 or not text.isascii() or not text.isalnum():
        return None
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if any(value) else None


def _with_quota(response: Response, quota: Quota) -> Response:
    """Headers of draft-ietf-httpapi-ratelimit-headers-10."""
    limit = quota.limit
    response.headers["ratelimit-policy"] = f'"hour";q={limit.count};w={limit.window_s}'
    response.headers["ratelimit"] = f'"hour";r={quota.remaining};t={quota.reset_s}'
    return response
