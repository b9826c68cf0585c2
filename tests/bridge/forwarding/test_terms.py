"""What settings say about forwarding, and what they may not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.forwarding.terms import Loop, Terms, WrongTerms, check_no_loop, terms_of
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, Limit

URL, KEY = "https://traces.example", "tracen_sk_forward"
OURS = ("http://127.0.0.1:8000", "http://127.0.0.1:4318", "https://tracen.example")


def test_nothing_is_delivered_by_default() -> None:
    """Without an endpoint there are no terms."""
    assert terms_of(Settings()) is None


def test_terms_are_those_of_the_settings() -> None:
    """In the units of the parts that read them."""
    settings = Settings(
        forward_to=URL + "/",
        forward_key=KEY,
        forward_only="llm",
        forward_order="newest",
        forward_quiet=1,
        forward_per_hour=7,
        forward_accounts="Ada@Team.example, b@team.example",
    )
    terms = terms_of(settings)
    assert terms == Terms(
        URL,
        KEY,
        is_llm_only=True,
        is_newest_first=True,
        quiet_ns=NS_PER_S,
        per_hour=7,
        accounts=frozenset({"ada@team.example", "b@team.example"}),
    )
    assert terms.limit == Limit(7, 3600)


@pytest.mark.parametrize(
    "changes",
    [
        {"forward_to": URL},
        {"forward_key": KEY},
        {"forward_to": "traces.example", "forward_key": KEY},
        {"forward_to": "https://user:password@traces.example", "forward_key": KEY},
        {"forward_to": URL, "forward_key": "two\nlines"},
    ],
)
def test_wrong_terms_are_refused_without_their_secrets(changes: dict[str, str]) -> None:
    """One of two, no URL, a password in it, a key that fits no header."""
    with pytest.raises(WrongTerms) as refused:
        terms_of(replace(Settings(), **changes))  # type: ignore[arg-type]
    assert "--forward-" in str(refused.value)
    assert not {KEY, "password", "two"} & set(str(refused.value).replace("@", " ").replace(":", " ").split())


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000", "http://127.0.0.2:8000/", "http://[::1]:4318", "https://tracen.example:443"],
)
def test_loop_is_refused(url: str) -> None:
    """Our own address under another name."""
    with pytest.raises(Loop, match="this very server"):
        check_no_loop(Terms(url, KEY), *OURS)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8001", "https://tracen.example:8443", "https://other.example"]
)
def test_other_servers_are_no_loop(url: str) -> None:
    """Another port is another server."""
    check_no_loop(Terms(url, KEY), *OURS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://traces.example", True), ("https://traces.example", False), ("http://127.0.0.1:1", False)],
)
def test_terms_know_what_travels_in_clear(url: str, expected: bool) -> None:
    """Over a network, without TLS."""
    assert Terms(url, KEY).travels_in_clear is expected
