"""The scripted server behind TLS."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator

from tests.bridge.certificates import Pair
from tests.tracen_otel.scripted_server import ScriptedServer


@dataclasses.dataclass
class TLSServer(ScriptedServer):
    host: str = "127.0.0.1"

    @property
    def endpoint(self) -> str:
        return f"https://{self.host}:{self.port}"


@contextlib.contextmanager
def tls_server(pair: Pair, host: str = "127.0.0.1") -> Iterator[TLSServer]:
    """Serve on a free port with this certificate until the block ends. `host` is what the endpoint calls it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TLSServer(listener.getsockname()[1], host=host)

        def serve(plain: socket.socket) -> None:
            with plain, contextlib.suppress(OSError):
                server.serve_connection(context.wrap_socket(plain, server_side=True))

        def accept() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            acceptor.join()
