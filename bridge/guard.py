"""uvicorn's HTTP protocol with the limits it does not have: size of a head, time for a head and for a body.

uvicorn with httptools takes headers of any size and number, and waits for ever between two bytes. Whoever
opens a connection and sends slowly holds it for nothing; these are closed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 100
HEAD_TIMEOUT_S = 10.0
BODY_TIMEOUT_S = 60.0
MAX_CONNECTIONS = 512

_TOO_LARGE = b"431 Request Header Fields Too Large"
_TOO_LONG = b"414 URI Too Long"
_TOO_SLOW = b"408 Request Timeout"
_TOO_MANY = b"503 Service Unavailable"


class GuardedProtocol(HttpToolsProtocol):
    """One connection. A head is request line and headers; its clock runs from its first byte (or the connection).

    A refusal is answered in a line of plain text and the connection closed: there is no request to route yet.
    """

    head_timeout_s = HEAD_TIMEOUT_S
    body_timeout_s = BODY_TIMEOUT_S
    max_connections = MAX_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = True
        self._header_bytes = self._unparsed_bytes = 0
        self._refused = False

    # -- the connection --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(_TOO_MANY)
        else:
            self._set_deadline(self.head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:  # a head that does not end: the parser tells of whole headers alone
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                self._refuse(_TOO_LARGE)

    # -- the parser's callbacks ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._header_bytes = self._unparsed_bytes = 0
        self._set_deadline(self.head_timeout_s)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_HEAD_BYTES:
            self._refuse(_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        if len(self.headers) > MAX_HEADERS or self._header_bytes > MAX_HEAD_BYTES:
            self._refuse(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        self._in_head = False
        self._set_deadline(self.body_timeout_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._clear_deadline()
        super().on_message_complete()

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
