"""What is believed of a server's words about its limit."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from urllib3 import HTTPHeaderDict

from tracen_otel.allowance import Allowance, allowance_of
from viewer.api import _with_quota  # the only writer of these fields that is ours
from viewer.store.base import Limit, Quota

POLICY, STATE = "RateLimit-Policy", "RateLimit"


def read(**fields: str) -> Allowance | None:
    return allowance_of(HTTPHeaderDict({name.replace("_", "-"): value for name, value in fields.items()}))


def test_allowance_is_what_our_own_service_tells() -> None:
    """The two fields as the service writes them, under names in lower case."""
    from starlette.responses import Response

    told = _with_quota(Response(), Quota(Limit(250), 7, 1200)).headers

    assert allowance_of(HTTPHeaderDict(told.items())) == Allowance(250, 3600, 7, 1200)


@pytest.mark.parametrize(
    ("fields", "allowance"),
    [
        ({POLICY: '"hour";q=100;w=3600', STATE: '"hour";r=99;t=3600'}, Allowance(100, 3600, 99, 3600)),
        ({POLICY: '"hour" ; q=100; w=3600'}, Allowance(100, 3600)),
        ({POLICY: '"hour";q=100'}, Allowance(100)),
        ({POLICY: '"h";q=100;w=3600;qu="requests";pk=:c2VjcmV0:'}, Allowance(100, 3600)),
        ({STATE: '"hour";r=0;t=60'}, Allowance(remaining=0, reset_s=60)),
        ({STATE: '"hour";r=0'}, Allowance(remaining=0)),
        ({POLICY: '"burst";q=10;w=1, "day";q=1000;w=86400, "hour";q=100;w=3600'}, Allowance(1000, 86400)),
        ({STATE: '"a";r=7;t=9, "b";r=0;t=3, "c";r=0;t=30'}, Allowance(remaining=0, reset_s=30)),
        ({POLICY: '"a, \\"b;q=1";q=5;w=60'}, Allowance(5, 60)),
        ({POLICY: "default;l=100;w=60", STATE: "default;r=50;t=5"}, Allowance(100, 60, 50, 5)),
        ({POLICY: "100;w=60", STATE: "limit=100, remaining=50, reset=5"}, Allowance(100, 60, 50, 5)),
        ({STATE: "limit=100, remaining=50, reset=5"}, Allowance(100, None, 50, 5)),
        (
            {"RateLimit-Limit": "100", "RateLimit-Remaining": "0", "RateLimit-Reset": "50"},
            Allowance(100, None, 0, 50),
        ),
    ],
)
def test_allowance_reads_the_drafts(fields: dict[str, str], allowance: Allowance) -> None:
    """That of today in its variety, and what servers still write by earlier ones."""
    assert read(**fields) == allowance


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {POLICY: "", STATE: ""},
        {POLICY: ";", STATE: ";,;"},
        {POLICY: '"hour";q=-1;w=3600'},
        {POLICY: '"hour";q=1.5;w=3600'},
        {POLICY: '"hour";q=1e9;w=3600'},
        {POLICY: '"hour";q=١٠٠;w=3600'},
        {POLICY: '"hour";q=100;w=0'},
        {POLICY: f'"hour";q=100;w={10**12}'},
        {POLICY: f'"hour";q={10**15};w=3600'},
        {POLICY: '"hour";q="100";w=3600'},
        {POLICY: 'hour";q=100;w=3600'},
        {STATE: f'"hour";r={"9" * 5000}'},
        {POLICY: '"hour";q=100;w=3600' + " " * 1000},
        {"RateLimit-Remaining": "many"},
    ],
)
def test_allowance_of_nonsense_is_none(fields: dict[str, str]) -> None:
    """What no server of good sense tells is not told."""
    assert read(**fields) is None


def test_allowance_never_asks_for_more_than_an_hour() -> None:
    """As with Retry-After: a mistake, or malice, costs an hour."""
    assert read(**{STATE: f'"hour";r=0;t={10**14}'}) == Allowance(remaining=0, reset_s=3600)


@given(policy=st.text(max_size=60), state=st.text(alphabet='abrtqw=0123456789;,"\\ .-', max_size=60))
def test_allowance_takes_any_text(policy: str, state: str) -> None:
    """No text raises, and whatever is read lies within bounds."""
    told = allowance_of({POLICY: policy, STATE: state, "RateLimit-Limit": policy})

    for number in (told.limit, told.window_s, told.remaining, told.reset_s) if told else ():
        assert number is None or 0 <= number < 10**15


def test_all_windows_are_told() -> None:
    """Each is a limit of its own; one without a window is none that can be kept."""
    told = allowance_of({"RateLimit-Policy": '"burst";q=10;w=60, "day";q=1000;w=86400, "odd";q=5'})
    assert told is not None
    assert told.windows == ((10, 60), (1_000, 86_400))
