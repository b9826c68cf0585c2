"""uvicorn's HTTP protocol with what it lacks: limits on heads, deadlines, patience with who is refused, and a deaf ear
for `Upgrade`.

uvicorn with httptools takes headers of any size and number, and waits for ever between two bytes. And where
a request offers to upgrade (Java's HttpClient offers h2c), httptools stops reading: the body would be lost
and the request look empty. So heads are collected here, checked, and handed on without that offer, which
RFC 9110 7.8 lets a server ignore.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from typing import Any

from httptools import HttpParserCallbackError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.lingering import LingeringTransport

logger = logging.getLogger("tracen.bridge")

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 100
HEAD_TIMEOUT_S = 10.0
BODY_TIMEOUT_S = 60.0
MAX_CONNECTIONS = 512

_TOO_LARGE = b"431 Request Header Fields Too Large"
_TOO_SLOW = b"408 Request Timeout"
_TOO_MANY = b"503 Service Unavailable"
_NO_UPGRADE = b"400 Bad Request"

_END_OF_HEAD = b"\r\n\r\n"
_HTTP2 = b"PRI * HTTP/2.0"
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[^\r\n]*", re.IGNORECASE)


class GuardedProtocol(HttpToolsProtocol):
    """One connection. A head is request line and headers; its clock runs from its first byte (or the connection).

    A refusal is answered in a line of plain text and the connection closed: there is no request to route yet.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    body_timeout_s = BODY_TIMEOUT_S
    max_connections = MAX_CONNECTIONS
    transport_type = LingeringTransport
    http2_count = 0
    """Connections, over all ports of this process, that began as HTTP/2 does: gRPC that was sent to the wrong port."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._awaits_head = True
        self._head = bytearray()
        self._refused = False

    # -- the connection --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._lingering = self.transport_type(transport, self._is_answered_early)
        super().connection_made(self._lingering)  # type: ignore[arg-type]
        if len(self.connections) > self.max_connections:
            self._refuse(_TOO_MANY)
        else:
            self._set_deadline(self.head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._lingering.end()
        super().connection_lost(exc)

    def _is_answered_early(self) -> bool:
        """Whether the end of a request that was answered has not come yet."""
        cycle = self.cycle
        return not self._refused and cycle is not None and cycle.response_complete and cycle.more_body

    def data_received(self, data: bytes) -> None:
        if self._lingering.is_lingering:
            self._lingering.drop(len(data))
            return
        if self._refused:
            return
        if self._awaits_head:
            self._unset_keepalive_if_required()
            if self._deadline is None:
                self._set_deadline(self.head_timeout_s)
            data = self._head_and_rest(data)
        if data and not self._refused:
            super().data_received(data)

    def _head_and_rest(self, data: bytes) -> bytes:
        """Collect a head; once it is whole, answer it and what came with it, without an offer to upgrade."""
        self._head += data if self._head else data.lstrip(b"\r\n")
        end = self._head.find(_END_OF_HEAD)
        size = end if end >= 0 else len(self._head)
        if size > MAX_HEAD_BYTES or self._head.count(b"\r\n", 0, size) > MAX_HEADERS:
            self._refuse(_TOO_LARGE)
            return b""
        if end < 0:
            return b""
        head, rest = bytes(self._head[:end]), bytes(self._head[end:])
        if head == _HTTP2:
            GuardedProtocol.http2_count += 1
            logger.warning(
                "HTTP/2, gRPC's, came to a port of HTTP/1.1: send gRPC to the port for it, 4317 by default"
            )
        self._head.clear()
        self._awaits_head = False
        return _UPGRADE.sub(b"", head) + rest

    # -- the parser's callbacks ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._awaits_head = False  # also for a head that came in one piece with the body before it
        self._set_deadline(self.head_timeout_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._refuse(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():  # CONNECT, or a pipelined head that was not collected here
            self._refuse(_NO_UPGRADE)
        if self._refused:
            return
        self._set_deadline(self.body_timeout_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._clear_deadline()
        self._awaits_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request. uvicorn takes errors of its own for that, such as want of memory while a body
        comes; a sender that reads 400 drops its data, one whose connection ends comes again.
        """
        if isinstance(sys.exception(), HttpParserCallbackError):
            self._refuse(_TOO_MANY)
        else:
            super().send_400_response(msg)

    # -- deadlines and refusals ------------------------------------------------------------------------

    def _set_deadline(self, timeout_s: float) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(timeout_s, self._too_slow)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse(_TOO_SLOW)

    def _refuse(self, status: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._clear_deadline()
        if self.cycle is None or self.cycle.response_complete:
            text = status[4:] + b"\n"
            length = str(len(text)).encode()
            head = (
                b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %b\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head % (status, length) + text)
        self.transport.close()
