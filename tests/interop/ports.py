"""Ports for servers that come back: outgoing connections take none of them while a server is down."""

from __future__ import annotations

import random
import socket

FLAGS = ("--port", "--otlp-grpc-port", "--otlp-http-port")
"""Of `tracen serve`."""


def lasting_ports(count: int) -> list[int]:
    """Free ports below those that systems give to outgoing connections."""
    ports: list[int] = []
    for number in random.sample(range(20_000, 30_000), 1000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
        ports.append(number)
        if len(ports) == count:
            return ports
    raise AssertionError("no free ports")


def port_flags() -> list[str]:
    """The flags that give `tracen serve` such ports."""
    pairs = zip(FLAGS, lasting_ports(len(FLAGS)), strict=True)
    return [argument for flag, port in pairs for argument in (flag, str(port))]
