"""Addresses behind proxies, networks, hosts and origins."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from viewer.network import Hosts, address_of, host_of, is_same_origin, network_of


def request(headers: list[tuple[str, str]], client: str = "10.0.0.9") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": raw, "client": (client, 1)})


@pytest.mark.parametrize(
    ("proxies", "told", "address"),
    [
        (0, ["1.1.1.1"], "10.0.0.9"),
        (1, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6, 1.1.1.1, 10.0.0.1"], "1.1.1.1"),
        (2, ["6.6.6.6", "1.1.1.1, 10.0.0.1"], "1.1.1.1"),
        (3, ["1.1.1.1"], "1.1.1.1"),
        (1, [], "10.0.0.9"),
    ],
)
def test_address_is_what_the_farthest_trusted_proxy_saw(proxies: int, told: list[str], address: str) -> None:
    """What a client writes into X-Forwarded-For itself is never believed."""
    assert address_of(request([("x-forwarded-for", value) for value in told]), proxies) == address


def test_network_is_what_one_customer_has() -> None:
    """Else an IPv6 customer has 2^64 addresses to guess from."""
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("") == ""


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a?b", "a@b", "a:b", "a\\b", "[::1", "a#b", "a:99999999"])
def test_host_refuses_what_is_none(text: str) -> None:
    """Parsers disagree about these."""
    assert host_of(text) is None


def test_hosts_are_our_own_names_and_any_address() -> None:
    """A name can be pointed at somebody else's server, an address can not."""
    hosts = Hosts("https://Traces.example:8443", "other.example, x.example.")
    for ours in (
        "traces.example",
        "TRACES.example.:8443",
        "other.example",
        "x.example",
        "127.0.0.1:80",
        "[::1]:8",
    ):
        assert hosts.has(ours), ours
    for other in ("evil.example", "traces.example.evil.example", None, "", "a@traces.example"):
        assert not hosts.has(other), other
    assert Hosts("", "*").has("evil.example")


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://h"}, False),
        ({"origin": "http://h"}, True),
        ({"origin": "http://evil"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_same_origin_is_told_by_the_browser(headers: dict[str, str], is_ours: bool) -> None:
    """Go's CrossOriginProtection, and for cookies neither header is a refusal too."""
    assert is_same_origin(request([("host", "h"), *headers.items()])) is is_ours
