"""urllib3 pools whose answers have a wall: the read timeout holds for the whole answer, not for each piece.

Without it a server that sends one byte a second keeps a reader for hours. A fork's child lets go of the
connections at once: they are its parent's. Knows nothing of Tracen.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import time
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


def new_pool(url: str) -> urllib3.HTTPConnectionPool:
    """Make a pool of two connections to the host of `url`: for posts, and for reservations.

    No socket is opened before the first request.
    """
    parts = urllib3.util.parse_url(url)
    pool = _HTTPSPool if parts.scheme == "https" else _HTTPPool
    return pool(str(parts.host), parts.port, maxsize=2)


_open_sockets: WeakSet[socket.socket] = WeakSet()


def _let_go_in_child() -> None:
    """Close a child's copies, saying nothing to the server. A reader on them may have a lock that is held for ever."""
    for sock in list(_open_sockets):
        with suppress(OSError):
            os.close(sock.detach())
    _open_sockets.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


class _WalledReader(io.RawIOBase):
    """Reads a socket until the wall, then times out."""

    def __init__(self, sock: socket.socket, wall_s: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._wall_s = wall_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._wall_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _WalledResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, wall_s: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_WalledReader(sock, wall_s))


class _WalledHTTPConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _open_sockets.add(self.sock)

    def getresponse(self) -> Any:
        _build_wall(self)
        return super().getresponse()


class _WalledHTTPSConnection(HTTPSConnection):
    def connect(self) -> None:
        if self.ssl_context is None:  # urllib3's own would be the class that gevent had not patched yet
            self.ssl_context = ssl.create_default_context()
        super().connect()
        _open_sockets.add(self.sock)

    def getresponse(self) -> Any:
        _build_wall(self)
        return super().getresponse()


def _build_wall(connection: Any) -> None:
    """Put our reader in by http.client's own `response_class`; `timeout` is the one for reading by now."""
    if connection.timeout is not None:
        wall_s = time.monotonic() + connection.timeout
        connection.response_class = partial(_WalledResponse, wall_s=wall_s)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _WalledHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WalledHTTPSConnection
