"""A TCP relay between a sender and its server, which keeps what the sender sent."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator


class Relay(socketserver.ThreadingTCPServer):
    """Listens on a free port of the loopback. `sent` are the bytes of all connections from senders."""

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.connections = 0
        self.sent = bytearray()

    @property
    def address(self) -> str:
        host, port = self.socket.getsockname()
        return f"{host}:{port}"


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        """Pass bytes both ways until either side ends."""
        self.server.connections += 1
        with contextlib.suppress(OSError), socket.create_connection(self.server.target) as onward:
            other = {self.request: onward, onward: self.request}
            while True:
                for source in select.select(list(other), [], [])[0]:
                    chunk = source.recv(65536)
                    if not chunk:
                        return
                    if source is self.request:
                        self.server.sent += chunk
                    other[source].sendall(chunk)


@contextlib.contextmanager
def running_relay(target: str) -> Iterator[Relay]:
    """A relay to HOST:PORT for the length of a block; connections through it must end before it does."""
    host, _, port = target.rpartition(":")
    with Relay((host, int(port))) as relay:
        thread = threading.Thread(target=relay.serve_forever)
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()
