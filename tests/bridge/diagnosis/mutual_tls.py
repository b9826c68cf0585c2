"""Servers that ask who sends (mTLS): a proxy, which hands every byte on to a server behind it, and one that refuses."""

from __future__ import annotations

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.bridge.certificates import Pair

HTTP, GRPC = "http/1.1", "h2"


@contextmanager
def asking_proxy(pair: Pair, trusted: Path, place: str, speech: str = HTTP) -> Iterator[str]:
    """Serve before `place` until the block ends; yields the URL. Takes those alone whose certificate is `trusted`.

    Others it leaves without a word, as servers on asyncio do.
    """
    proxy = _Proxy(place, _asking(pair, trusted, speech))
    thread = threading.Thread(target=proxy.run)
    thread.start()
    proxy.is_ready.wait()
    try:
        yield f"https://127.0.0.1:{proxy.port}"
    finally:
        proxy.loop.call_soon_threadsafe(proxy.over.set)
        thread.join()


@contextmanager
def alerting_server(
    pair: Pair, trusted: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[str]:
    """Asks who sends, says by an alert what it does not take, and hangs up, whatever it is shown."""
    context = _asking(pair, trusted, HTTP)
    context.maximum_version = newest

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                context.wrap_socket(self.request, server_side=True).close()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _asking(pair: Pair, trusted: Path, speech: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols([speech])
    return context


class _Proxy:
    def __init__(self, place: str, context: ssl.SSLContext) -> None:
        self._host, _, port = place.rpartition(":")
        self._port = int(port)
        self._context = context
        self.is_ready = threading.Event()
        self.port = 0

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        self.loop.set_exception_handler(lambda loop, context: None)  # handshakes fail here by design
        self._hands: set[asyncio.Task[Any]] = set()
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self.is_ready.set()
        await self.over.wait()
        server.close()
        hands = list(self._hands)
        for task in hands:
            task.cancel()
        await asyncio.gather(*hands, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._hands.add(task)
        try:
            behind_reader, behind_writer = await asyncio.open_connection(self._host, self._port)
            try:
                await asyncio.gather(_hand_on(reader, behind_writer), _hand_on(behind_reader, writer))
            finally:
                behind_writer.transport.abort()
        finally:
            writer.transport.abort()
            self._hands.discard(task)


async def _hand_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    sink.close()
