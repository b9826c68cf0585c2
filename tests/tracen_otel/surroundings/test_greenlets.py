"""gevent: greenlets trace like threads, whether the patch came before the exporter's import or after it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.bridge.certificates import make_pair
from tests.tracen_otel.scripted_server import ScriptedServer
from tests.tracen_otel.surroundings.programs import environment_of, pages, pages_of, run_to_end
from tests.tracen_otel.surroundings.tls import tls_server

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")

PATCH = "import gevent.monkey; gevent.monkey.patch_all()\n"
TRACED = "from tests.tracen_otel.surroundings.traced import exporter, flush, provider, run_agent\n"
POOL = """
import gevent.pool
import time
pool = gevent.pool.Pool(10)
begin_s = time.monotonic()
for n in range(30):
    pool.spawn(run_agent, f"greenlet {n}")
pool.join()
assert flush()
run_agent("at the end")
"""
NAMES = ["at the end", *(f"greenlet {n}" for n in range(30))]
ORDERS = {
    "patched first": PATCH + TRACED,
    "patched afterwards": TRACED + PATCH,
    "patched after a trace": TRACED + "run_agent('early'); flush()\n" + PATCH,
    "patched with a trace in hand": TRACED + "run_agent('early')\n" + PATCH,
}


def complaints(err: str) -> list[str]:
    """Lines of stderr; not those of the standard library about threads that were started before the patch."""
    unknown_thread = r"Exception ignored in thread started by(.*\n)+?KeyError: \d+\n"
    return re.sub(unknown_thread, "", err).splitlines()


@pytest.mark.parametrize("processor", ["batch", "simple"])
@pytest.mark.parametrize("order", ORDERS)
def test_greenlets_publish_each_trace_once(
    server: ScriptedServer, tmp_path: Path, order: str, processor: str
) -> None:
    """No lock from before the patch is waited for by a greenlet that keeps its owner from running."""
    environment = environment_of(server.endpoint, processor)

    status, _, err = run_to_end(ORDERS[order] + POOL, tmp_path, environment, "-W", "ignore")

    assert (status, complaints(err)) == (0, [])
    assert pages(server) == pages_of([*NAMES, *(["early"] if "trace" in order else [])])


@pytest.mark.parametrize("order", ["patched first", "patched afterwards"])
def test_greenlets_publish_over_tls(tmp_path: Path, order: str) -> None:
    """The patch replaces the class of TLS contexts: one from before it would recurse without end."""
    pair = make_pair(tmp_path, "trusted")
    with tls_server(pair) as server:
        environment = environment_of(server.endpoint, "simple", SSL_CERT_FILE=str(pair.cert))
        status, _, err = run_to_end(ORDERS[order] + POOL, tmp_path, environment, "-W", "ignore")

        assert (status, complaints(err)) == (0, [])
        assert pages(server) == pages_of(NAMES)
