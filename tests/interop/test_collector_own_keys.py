"""examples/collector/own-keys.yaml beside collector.yaml: each program's own key passes through the Collector."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.interop.collector import (
    CONFIGURATIONS,
    DROPPED,
    RETRIED,
    ConfiguredCollector,
    Headers,
    configured_collector,
    require_collector,
)
from tests.interop.ports import port_flags
from tests.interop.stream import Stream, assert_shown, wait_until
from tests.processes import TracenProcess, start_tracen

OWN_KEYS = CONFIGURATIONS / "own-keys.yaml"
LESS_PATIENCE = "--set=exporters.otlp_http.retry_on_failure.max_elapsed_time=30s"


def with_own_keys(http: str, folder: Path, *beside: Path) -> AbstractContextManager[ConfiguredCollector]:
    """A Collector with both files. Its own key is nobody's: what came with that would be dropped."""
    environment = {"TRACEN_ENDPOINT": http, "TRACEN_KEY": "tracen_sk_nobodys"}
    return configured_collector("collector.yaml", folder, environment, OWN_KEYS, *beside)


@pytest.fixture
def collector(tracen: TracenProcess, tmp_path: Path) -> Iterator[ConfiguredCollector]:
    with with_own_keys(tracen.http, tmp_path / "collector") as started:
        yield started


def over_grpc(collector: ConfiguredCollector, body: bytes, headers: Headers = ()) -> None:
    collector.send(body, headers)


def over_http(collector: ConfiguredCollector, body: bytes, headers: Headers = ()) -> None:
    collector.send_over_http(body, headers=headers)


def test_pages_are_in_the_account_of_each_programs_key(
    collector: ConfiguredCollector, tracen: TracenProcess
) -> None:
    """Two programs over both doors, with several requests in each batch: all in the one account, none in the other."""
    keys = [tracen.create_key(f"{name}@own-keys.example") for name in ("first", "second")]
    streams = [Stream(), Stream()]
    for door in (over_grpc, over_http):
        for key, stream in zip(keys, streams, strict=True):
            for _ in range(8):
                stream.send_one(partial(door, collector, headers=[("x-tracen-key", key)]))
    for key, other, stream in zip(keys, reversed(keys), streams, strict=True):
        assert_shown(stream, tracen.http, key)
        assert not any(stream.shown(tracen.http, other).values())
    assert collector.errors(DROPPED) == {}


@pytest.mark.parametrize("door", [over_grpc, over_http], ids=["grpc", "http"])
def test_a_bearer_token_passes_too(
    door: Callable[..., None], collector: ConfiguredCollector, tracen: TracenProcess
) -> None:
    """Tracen takes a key in either header, and so does the way through a Collector."""
    key = tracen.create_key(f"bearer-{door.__name__.replace('_', '-')}@own-keys.example")
    stream = Stream()
    stream.send_all(partial(door, collector, headers=[("authorization", f"Bearer {key}")]))
    assert_shown(stream, tracen.http, key)


def test_a_program_without_a_key_is_dropped_and_told_in_the_log(collector: ConfiguredCollector) -> None:
    """The Collector's own key is not lent to it, and what others send is not held up."""
    Stream().send_one(collector.send)
    assert wait_until(lambda: "otlp_http" in collector.errors(DROPPED))
    (error, *_) = collector.errors(DROPPED)["otlp_http"]
    assert "401" in error


def test_keys_outlive_an_outage_and_a_crash(tmp_path: Path) -> None:
    """They are in the queue's file with the spans, which nobody else can read."""
    ports, folder = port_flags(), tmp_path / "collector"
    tracen = start_tracen(tmp_path / "t.db", *ports)
    keys = [tracen.key, tracen.create_key("second@own-keys.example")]
    streams = [Stream(), Stream()]
    try:
        tracen.kill()
        tracen.close()
        with with_own_keys(tracen.http, folder) as collector:
            for key, stream in zip(keys, streams, strict=True):
                stream.send_all(partial(over_grpc, collector, headers=[("x-tracen-key", key)]))
            assert wait_until(lambda: bool(collector.errors(RETRIED)))
            collector.process.kill()
        for path in (folder / "queue").iterdir():
            assert path.stat().st_mode & 0o077 == 0
        with with_own_keys(tracen.http, folder) as collector:
            tracen = start_tracen(tmp_path / "t.db", *ports, key=tracen.key)
            for key, stream in zip(keys, streams, strict=True):
                assert_shown(stream, tracen.http, key)
            assert collector.errors(DROPPED) == {}
    finally:
        tracen.kill()
        tracen.close()


def test_the_way_out_of_requests_with_two_keys(tracen: TracenProcess, tmp_path: Path) -> None:
    """They hold up what another program has sent, until the Collector is given less patience."""
    key, folder, stream = tracen.create_key("held-up@own-keys.example"), tmp_path / "collector", Stream()
    with with_own_keys(tracen.http, folder) as collector:
        for number in range(2):  # one for each consumer: two kinds, so that they are no batch
            twice = [("x-tracen-key", f"tracen_sk_{number}"), ("x-tracen-key", "tracen_sk_other")]
            Stream().send_one(partial(over_grpc, collector, headers=twice))
        assert wait_until(lambda: len(collector.errors(RETRIED).get("otlp_http", ())) >= 3)
        stream.send_all(partial(over_grpc, collector, headers=[("x-tracen-key", key)]))
        assert not any(stream.shown(tracen.http, key).values())
    less = tmp_path / "less.json"
    patience = {"max_elapsed_time": "2s", "max_interval": "1s"}
    less.write_text(
        json.dumps({"exporters": {"otlp_http": {"retry_on_failure": patience}}}), encoding="utf-8"
    )
    with with_own_keys(tracen.http, folder, less) as collector:
        assert wait_until(lambda: gave_up(collector) == 2)
        stream.send_all(partial(over_grpc, collector, headers=[("x-tracen-key", key)]))
        assert_shown(stream, tracen.http, key)


def gave_up(collector: ConfiguredCollector) -> int:
    """How many batches were dropped since patience was at its end."""
    dropped = collector.errors(DROPPED).get("otlp_http", [])
    return sum("no more retries left" in told for told in dropped)


def test_the_flag_for_less_patience_is_one() -> None:
    """As the file names it, and the Collector takes it."""
    assert LESS_PATIENCE in OWN_KEYS.read_text(encoding="utf-8")
    files = ("--config", CONFIGURATIONS / "collector.yaml", "--config", OWN_KEYS)
    subprocess.run([require_collector(), "validate", *files, LESS_PATIENCE], check=True, timeout=60)
