"""What became of requests: remembered for their owner, and for the network of whoever sent no good key."""

from __future__ import annotations

import asyncio

import pytest

from viewer import requests as subject
from viewer.keys import Unauthenticated
from viewer.limits import TooManyGuesses
from viewer.metrics import Metrics
from viewer.requests import ACCEPTED, Door, RequestRecord, Requests, outcome_of
from viewer.store.people import Key

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
STRANGE = [
    outcome_of(error, (Unauthenticated, TooManyGuesses)) for error in (Unauthenticated(), TooManyGuesses(1))
]
LAPTOP, CI, OTHER = Key("1", "ada"), Key("2", "ada"), Key("3", "eve")


class Ticking:
    """A clock that goes on by one with each look."""

    now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1
        return self.now_ns


@pytest.fixture
def requests() -> Requests:
    return Requests(Metrics(), Ticking())


def end(
    requests: Requests,
    key: Key | None = None,
    outcome: str = ACCEPTED,
    address: str = HOME,
    message: str = "",
) -> RequestRecord:
    record = requests.begin(Door.POST, "traces", address=address)
    if key:
        record.belongs_to(key)
    record.outcome, record.message = outcome, message
    requests.end(record)
    return record


def test_requests_of_an_account_are_those_of_its_keys(requests: Requests) -> None:
    """Newest first, as many as asked for, nobody else's."""
    records = [end(requests, key) for key in (LAPTOP, CI, OTHER, LAPTOP)]
    assert requests.of_account("ada", 10) == [records[3], records[1], records[0]]
    assert requests.of_account("ada", 1) == [records[3]]
    assert requests.of_account("nobody", 10) == []
    assert requests.last_of_account("ada") is records[3]
    assert requests.last_of_account("nobody") is None
    assert requests.of_key(LAPTOP.id) == [records[3], records[0]]


def test_owner_is_not_told_what_is_ours(requests: Requests) -> None:
    """Neither ids of the store nor addresses leave it, nor are they logged."""
    told = end(requests, LAPTOP, "invalid_payload", message="prompt: is required").told()
    assert not {"key_id", "account_id", "address", "received_ns"} & told.keys()
    assert HOME not in str(told)


@pytest.mark.parametrize("outcome", STRANGE)
def test_stranger_is_remembered_by_network(requests: Requests, outcome: str) -> None:
    """The last one of each; what is kept of it are our own words."""
    end(requests, None, outcome, message="no key")
    end(requests, None, outcome, message="the key is unknown")
    found = requests.stranger_of(HOME)
    assert found
    assert (found.outcome, found.message, found.at_ns) == (outcome, "the key is unknown", 2)
    assert requests.stranger_of(ELSEWHERE) is None


def test_stranger_is_one_whose_key_is_nobodys(requests: Requests) -> None:
    """Not who was refused for something else, and not who can not be placed."""
    end(requests, LAPTOP, "invalid_payload")
    end(requests, None, "store_unavailable")
    end(requests, None, STRANGE[0], address="")
    assert requests.stranger_of(HOME) is None
    assert requests.stranger_of("") is None


def test_network_of_ipv6_is_all_of_a_customer(requests: Requests) -> None:
    """A browser and a shell of one machine have several addresses."""
    end(requests, None, STRANGE[0], address="2001:db8::1")
    assert requests.stranger_of("2001:db8::/64")


def test_networks_are_bounded(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were last heard of are kept."""
    monkeypatch.setattr(subject, "MAX_NETWORKS", 2)
    for address in (HOME, "192.0.2.7", HOME, ELSEWHERE):
        end(requests, None, STRANGE[0], address=address)
    assert requests.stranger_of(HOME)
    assert requests.stranger_of(ELSEWHERE)
    assert requests.stranger_of("192.0.2.7") is None


async def _woken(requests: Requests, *ends: tuple[Key | None, str, str]) -> list[bool]:
    """Whether each of these requests is news to ada at home."""
    found = []
    with requests.news("ada", HOME) as event:
        for key, outcome, address in ends:
            event.clear()
            end(requests, key, outcome, address)
            found.append(event.is_set())
    return found


def test_news_are_of_the_account_and_of_strangers_beside_it(requests: Requests) -> None:
    """Whatever came of the account, and who came from the network without a good key; then nothing is kept."""
    woken = _woken(
        requests,
        (LAPTOP, ACCEPTED, ELSEWHERE),
        (CI, "invalid_payload", ELSEWHERE),
        (None, STRANGE[0], HOME),
        (None, STRANGE[0], ELSEWHERE),
        (None, STRANGE[0], ""),
        (OTHER, ACCEPTED, HOME),
        (OTHER, "invalid_payload", HOME),
    )
    assert asyncio.run(woken) == [True, True, True, False, False, False, False]
    assert not requests._listeners


def test_traces_of_a_key_are_those_that_came_with_it(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one last heard of first, as many as are remembered, nobody else's; not kept with the requests."""
    monkeypatch.setattr(subject, "REMEMBERED_TRACES", 2)
    ids = [bytes([n]) * 16 for n in range(4)]
    for key, trace_ids in ((LAPTOP, ids[:1]), (OTHER, ids[3:]), (LAPTOP, ids[1:2]), (LAPTOP, ids[:1])):
        record = requests.begin(Door.OTLP_HTTP, "traces")
        record.belongs_to(key)
        record.outcome, record.trace_ids = ACCEPTED, frozenset(trace_ids)
        requests.end(record)
    assert requests.traces_of_key(LAPTOP.id) == [ids[0], ids[1]]
    assert requests.traces_of_key(OTHER.id) == [ids[3]]
    assert requests.traces_of_key("nobody") == []
    assert not any(record.trace_ids for record in requests.of_key(LAPTOP.id))
    assert "trace_ids" not in requests.of_key(LAPTOP.id)[0].told()


def test_traces_of_a_key_are_bounded(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a request with very many, some; of more keys than are remembered, none of the forgotten ones."""
    monkeypatch.setattr(subject, "REMEMBERED_TRACES", 3)
    monkeypatch.setattr(subject, "MAX_KEYS", 1)
    for key in (LAPTOP, OTHER):
        record = requests.begin(Door.OTLP_HTTP, "traces")
        record.belongs_to(key)
        record.trace_ids = frozenset(bytes([n]) * 16 for n in range(1, 9))
        requests.end(record)
    assert len(requests.traces_of_key(OTHER.id)) == 3
    assert requests.traces_of_key(LAPTOP.id) == []
    assert requests._trace_count == 3


def test_traces_over_all_keys_are_bounded(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the keys that sent last are kept."""
    monkeypatch.setattr(subject, "MAX_TRACES", 4)
    for key in (LAPTOP, CI, LAPTOP, OTHER):
        record = requests.begin(Door.OTLP_HTTP, "traces")
        record.belongs_to(key)
        record.trace_ids = frozenset(bytes([n]) * 16 for n in (1, 2))
        requests.end(record)
    assert [len(requests.traces_of_key(key.id)) for key in (LAPTOP, CI, OTHER)] == [2, 0, 2]
    assert requests._trace_count == 4
