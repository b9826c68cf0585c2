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
        (1, ["1.1.1.1:50123"], "1.1.1.1"),
        (1, ["[2001:db8::1]:50123"], "2001:db8::1"),
        (1, ["[2001:db8::1]"], "2001:db8::1"),
        (1, ["2001:db8::1"], "2001:db8::1"),
        (1, ["unknown"], "10.0.0.9"),
        (1, ["1.1.1.1:a:b"], "10.0.0.9"),
        (1, ["_hidden:7"], "10.0.0.9"),
        (2, ["x1, 10.0.0.1"], "10.0.0.9"),
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
        ({"origin": "http://H:80"}, True),
        ({"origin": "http://evil"}, False),
        ({"origin": "https://h"}, False),
        ({"origin": "http://h:8080"}, False),
        ({"origin": "http://h/"}, False),
        ({"origin": "http://a@h"}, False),
        ({"origin": "ftp://h"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        ({"origin": "http://h:x"}, False),
        ({"origin": ""}, False),
        ({}, False),
    ],
)
def test_same_origin_is_told_by_the_browser(headers: dict[str, str], is_ours: bool) -> None:
    """Go's CrossOriginProtection, and for cookies neither header is a refusal too."""
    assert is_same_origin(request([("host", "h"), *headers.items()]), "") is is_ours


@pytest.mark.parametrize(
    ("base_url", "host", "origin", "is_ours"),
    [
        ("https://traces.example", "traces.example", "https://traces.example", True),
        ("https://traces.example", "traces.example", "http://traces.example", False),
        ("https://traces.example", "inside:8000", "https://traces.example", True),
        ("https://traces.example", "other.example", "https://other.example", True),
        ("https://traces.example:443/", "inside", "https://traces.example", True),
        ("http://127.0.0.1:8000", "10.0.0.1:8000", "http://10.0.0.1:8000", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", "https://127.0.0.1:8000", False),
        ("http://127.0.0.1:8000", "[", "http://[", False),
    ],
)
def test_our_origin_is_that_of_the_base_url_or_of_the_host(
    base_url: str, host: str, origin: str, is_ours: bool
) -> None:
    """With its scheme: a page that came without TLS may be anybody's. A proxy may have changed the Host."""
    assert is_same_origin(request([("host", host), ("origin", origin)]), base_url) is is_ours
