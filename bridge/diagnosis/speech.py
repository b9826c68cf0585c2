"""What is spoken at a port: TLS, HTTP/2 as gRPC needs it, HTTP/1.1; found by a few bytes, once something has failed."""

from __future__ import annotations

import socket
import ssl
from enum import StrEnum

Address = tuple[str, int]

PROBE_S = 1.0
"""For one protocol; three are tried."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""RFC 9113, 3.4: the preface and an empty SETTINGS frame."""
_SETTINGS = 4
_HTTP_1 = b"GET /healthz HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"


class Speech(StrEnum):
    """A protocol, as a person names it."""

    TLS = "TLS"
    HTTP_2 = "gRPC"
    HTTP_1 = "HTTP"
    NOTHING = "nothing"
    OTHER = "something else"


def speech_at(address: Address, timeout_s: float, *, in_tls: bool = False) -> Speech:
    """What answers there. `in_tls`: what is spoken inside of TLS."""
    if in_tls:
        return _inside_tls(address, timeout_s)
    asked = ((Speech.HTTP_1, _is_http_1), (Speech.HTTP_2, _is_http_2), (Speech.TLS, _is_tls))
    is_silent = True
    for speech, is_spoken in asked:
        try:
            if is_spoken(address, timeout_s):
                return speech
            is_silent = False
        except TimeoutError:
            continue
        except (OSError, ValueError):
            is_silent = False
    return Speech.NOTHING if is_silent else Speech.OTHER


def _inside_tls(address: Address, timeout_s: float) -> Speech:
    try:
        with (
            socket.create_connection(address, timeout_s) as plain,
            _believing_all(["h2", "http/1.1"]).wrap_socket(plain) as secured,
        ):
            return Speech.HTTP_2 if secured.selected_alpn_protocol() == "h2" else Speech.HTTP_1
    except (OSError, ValueError):
        return Speech.OTHER


def _believing_all(protocols: list[str]) -> ssl.SSLContext:
    """For a look at what is spoken: nothing is sent, and nothing believed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    return context


def _is_tls(address: Address, timeout_s: float) -> bool:
    with socket.create_connection(address, timeout_s) as plain, _believing_all(["h2"]).wrap_socket(plain):
        return True


def _is_http_1(address: Address, timeout_s: float) -> bool:
    return _answer(address, timeout_s, _HTTP_1 % address[0].encode()).startswith(b"HTTP/1")


def _is_http_2(address: Address, timeout_s: float) -> bool:
    return _answer(address, timeout_s, _PREFACE)[3:4] == bytes([_SETTINGS])


def _answer(address: Address, timeout_s: float, question: bytes) -> bytes:
    """The first bytes of an answer."""
    with socket.create_connection(address, timeout_s) as connection:
        connection.sendall(question)
        answer = b""
        while len(answer) < 9 and (piece := connection.recv(64)):
            answer += piece
        return answer
