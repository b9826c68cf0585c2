"""OTLP over HTTP, in protobuf and JSON; a refusal is a google.rpc.Status in the same encoding."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence

import grpc
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.receive import URL_FIELD, Receipt, Receiver
from bridge.status import REFUSALS, Refusal, refusal_of
from tracen_otel.otlp import Encoding, Signal
from viewer.astray import Astray
from viewer.bodies import ACCEPT_ENCODING, drained, media_type_of, read_body, stream_of
from viewer.keys import CHALLENGE, secret_of
from viewer.network import address_of
from viewer.policy import Policy, PolicyRoute, with_key
from viewer.problems import UnsupportedMediaType
from viewer.requests import GONE, Door, RequestRecord, Requests, outcome_of
from viewer.store.base import StoreUnavailable

logger = logging.getLogger("tracen.bridge")

_ENCODING_BY_MEDIA_TYPE = {encoding.value: encoding for encoding in Encoding}


def otlp_routes(receiver: Receiver, requests: Requests, max_body_bytes: int, proxies: int = 0) -> list[Route]:
    """The OTLP/HTTP routes. `proxies`: those in front whose word on a sender's address is believed.

    The two commonest slips of set-up are understood: a signal's path twice (a full URL as the endpoint of all
    signals), and none at all (a bare URL as the endpoint of traces).
    """
    exports = {signal: _Export(receiver, requests, signal, max_body_bytes, proxies) for signal in Signal}
    return [
        *(with_key(f"/v1/{signal}", export) for signal, export in exports.items()),
        *(with_key(f"/v1/{signal}/v1/{signal}", export) for signal, export in exports.items()),
        _PostRoute(Policy.KEY, "/", exports[Signal.TRACES]),
    ]


class _PostRoute(PolicyRoute):
    """Leaves every method but POST to other routes of the path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if scope.get("method") == "POST" else (Match.NONE, {})


def create_otlp_app(
    routes: Sequence[Route], elsewhere: Elsewhere, cors_origins: Sequence[str] = ()
) -> ASGIApp:
    """The OTLP/HTTP routes alone, for a port of their own; any other path is told where they are.

    Browsers of `cors_origins` may send.
    """
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: elsewhere},
        middleware=[_cors(cors_origins)] if cors_origins else [],
    )
    app.router.redirect_slashes = (
        False  # senders follow no redirect, and it would tell the Host header's host
    )
    return app if cors_origins else _by_path(routes, app)


def _by_path(routes: Sequence[Route], others: ASGIApp) -> ASGIApp:
    """Hand a request straight to the export of its path: Starlette's layers are a tenth of a small one's cost."""
    exports = {route.path: route.app for route in routes if not isinstance(route, _PostRoute)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await exports.get(scope["path"], others)(scope, receive, send)

    return app


def _cors(origins: Sequence[str]) -> Middleware:
    """Keys are sent by header, so no cookie is ever allowed along, and any origin may be named."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["POST"],
        allow_headers=["authorization", "content-encoding", "content-type", "x-tracen-key"],
        expose_headers=[URL_FIELD],
    )


class Elsewhere:
    """Answers what is sent to no path of OTLP with those that there are."""

    def __init__(self, astray: Astray) -> None:
        self._astray = astray

    async def __call__(self, request: Request, error: Exception) -> Response:
        paths = ", ".join(f"/v1/{signal}" for signal in Signal)
        message = f"nothing is received at {request.scope['path'][:200]}; the paths of OTLP/HTTP are {paths}"
        await self._astray.note(request, Door.OTLP_HTTP, message)
        refusal = Refusal(grpc.StatusCode.UNIMPLEMENTED, 404, message)
        return await drained(request, _refused(_encoding(request.headers.get("content-type")), refusal))


class _Export:
    """ASGI endpoint: key, then content type, then body, so that strangers cost nothing."""

    def __init__(
        self, receiver: Receiver, requests: Requests, signal: Signal, max_body_bytes: int, proxies: int
    ) -> None:
        self._receiver = receiver
        self._requests = requests
        self._signal = signal
        self._max_body_bytes = max_body_bytes
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        encoding = _encoding(request.headers.get("content-type"))
        record = self._requests.begin(
            Door.OTLP_HTTP,
            self._signal,
            encoding or "",
            request.headers.get("user-agent"),
            address_of(request, self._proxies),
        )
        try:
            response = await self._answer(request, encoding, record)
        except ClientDisconnect:
            record.outcome, record.message = GONE, "the sender went away"
            return
        finally:
            self._requests.end(record)
        await response(scope, receive, send)

    async def _answer(self, request: Request, encoding: Encoding | None, record: RequestRecord) -> Response:
        if request.method != "POST":
            message = f"{request.method[:20]} is not answered here, POST is"
            record.outcome = "method_not_allowed"
            return _refused(encoding, Refusal(grpc.StatusCode.UNIMPLEMENTED, 405, message), record)
        try:
            receipt = await self._receipt(request, encoding, record)
        except REFUSALS as error:
            record.outcome = outcome_of(error, REFUSALS)
            return await drained(request, _refused(encoding, refusal_of(error), record))
        except asyncio.CancelledError:  # the server ends, and this request with it: its sender comes again
            ending = StoreUnavailable("the server is ending")
            record.outcome = outcome_of(ending, REFUSALS)
            return _refused(encoding, refusal_of(ending), record)
        except ClientDisconnect:
            raise
        except Exception as error:  # the outer wall: whatever it is, the sender must learn to retry
            logger.exception("unexpected error in an OTLP/HTTP export")
            return _refused(encoding, refusal_of(error), record)
        receipt.tell(record)
        record.status = "200"
        return _accepted(encoding or Encoding.PROTOBUF, receipt)

    async def _receipt(self, request: Request, encoding: Encoding | None, record: RequestRecord) -> Receipt:
        headers = request.headers
        secret = secret_of(headers)
        key = await self._receiver.authenticate(secret)
        record.belongs_to(key)
        if encoding is None:
            raise UnsupportedMediaType(f"Content-Type: expected {' or '.join(Encoding)}")
        await self._receiver.check_quota(key)
        with self._receiver.intake.body() as on_bytes:
            body = await read_body(
                stream_of(request),
                headers.get("content-length"),
                headers.get("content-encoding"),
                self._max_body_bytes,
                on_bytes,
            )
            record.size = len(body)
            return await self._receiver.receive(key, body, encoding, self._signal)


def _encoding(content_type: str | None) -> Encoding | None:
    return _ENCODING_BY_MEDIA_TYPE.get(media_type_of(content_type))


def _accepted(encoding: Encoding, receipt: Receipt) -> Response:
    headers = {URL_FIELD: receipt.page_url} if receipt.page_url else None
    if encoding is Encoding.JSON:
        content = json.dumps(_partial_success(receipt)).encode()
    else:
        content = receipt.response().SerializeToString()
    return Response(content, 200, headers, media_type=encoding.value)


def _partial_success(receipt: Receipt) -> dict[str, object]:
    if not receipt.error_message:
        return {}
    rejected = str(receipt.rejected_spans)  # 64-bit integers are strings in OTLP/JSON
    return {"partialSuccess": {"rejectedSpans": rejected, "errorMessage": receipt.error_message}}


_HEADERS_BY_STATUS = {
    401: {"www-authenticate": CHALLENGE},
    405: {"allow": "POST"},
    415: {"accept-encoding": ACCEPT_ENCODING},
}


def _refused(encoding: Encoding | None, refusal: Refusal, record: RequestRecord | None = None) -> Response:
    """A google.rpc.Status; where the caller's encoding is unknown, in JSON."""
    if record:
        record.status, record.message = str(refusal.http_status), refusal.message
    headers = dict(_HEADERS_BY_STATUS.get(refusal.http_status, {}))
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    if encoding is Encoding.PROTOBUF:
        content = refusal.status().SerializeToString()
    else:
        encoding = Encoding.JSON
        content = json.dumps({"code": refusal.grpc_code.value[0], "message": refusal.message}).encode()
    return Response(content, refusal.http_status, headers, media_type=encoding.value)
