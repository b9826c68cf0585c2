"""Places that can not be reached, that hang, or that are something else than what they are taken for."""

from __future__ import annotations

import fcntl
import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from bridge.diagnosis.finding import Verdict
from tests.bridge.certificates import EXPIRED, Pair, make_pair
from tests.bridge.diagnosis.clinic import (
    GENERAL,
    OF_TRACES,
    PROTOCOL,
    STRANGE_KEY,
    add_key,
    examine,
    over_grpc,
    over_http,
)
from tests.processes import TracenProcess, running_tracen
from tests.tracen_otel.scripted_server import answer, closed_port, hang, scripted_server
from tests.tracen_otel.surroundings.tls import tls_server

HTML = {"Content_Type": "text/html"}
PAGE = b"<!doctype html><title>Intranet</title>"
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="no openssl command on this machine"
)


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    return add_key(tracen)


def grpc_origin(tracen: TracenProcess) -> str:
    return f"http://{tracen.otlp_grpc}"


@pytest.mark.parametrize("over", [over_http, over_grpc])
def test_host_that_does_not_exist_is_named(over: type) -> None:
    """And what comes after it is not tried."""
    examined = examine(over("http://no-such-host.invalid:4318", STRANGE_KEY))
    examined.failed("name", "no-such-host.invalid can not be resolved", "getent hosts no-such-host.invalid")
    assert Verdict.SKIPPED in examined.verdicts


def test_name_server_that_does_not_answer_is_waited_for_no_longer_than_a_step() -> None:
    """The system's own resolver has no time limit."""

    def never(host: str, port: int) -> list[str]:
        time.sleep(5)
        return []

    examined = examine(over_http("http://slow.example", STRANGE_KEY), step_s=0.2, resolve=never)
    examined.failed("name", "no name server answered")


def test_localhost_that_is_ipv6_first_is_a_warning(tracen: TracenProcess, key: str) -> None:
    """Where Tracen listens on 127.0.0.1 alone; some clients try the first address and no other."""
    port = tracen.otlp_http.rpartition(":")[2]
    variables = over_http(f"http://localhost:{port}", key)
    examined = examine(variables, resolve=lambda host, port: ["::1", "127.0.0.1"])
    name = examined.of("name", Verdict.WARNING)
    assert "localhost is ::1, 127.0.0.1; only 127.0.0.1 answers" in name.found
    assert name.repair == ("write 127.0.0.1 in place of localhost",)


@pytest.mark.parametrize("over", [over_http, over_grpc])
def test_port_on_which_nothing_listens_is_named(over: type) -> None:
    port = closed_port()
    examined = examine(over(f"http://127.0.0.1:{port}", STRANGE_KEY))
    examined.failed("port", f"nothing listens at 127.0.0.1:{port}", "tracen serve")


def test_newcomer_without_a_server_is_told_to_start_one() -> None:
    """Before the key that is missing as well: a server prints one on its first start."""

    def where_nobody_is(host: str, port: int) -> list[str]:
        return ["127.77.77.77"]

    for key in ("", STRANGE_KEY):
        examined = examine({}, key=key, resolve=where_nobody_is)
        examined.failed("running", "no Tracen runs here", "tracen serve")
        assert "tracen run" in "\n".join(examined.of("running").repair)
        headings = [about for about, _ in groupby(finding.about for finding in examined.findings)]
        assert len(headings) == len(set(headings))
    chosen = examine({}, db="/nowhere/a b.db", is_db_chosen=True, resolve=where_nobody_is)
    assert "tracen serve --db '/nowhere/a b.db'" in chosen.of("running").repair


def test_repairs_of_one_variable_agree(tracen: TracenProcess) -> None:
    """Where no protocol is chosen SDKs begin with either: both are told the same address and the protocol with it."""
    examined = examine({}, db=str(tracen.db), key=STRANGE_KEY, resolve=lambda host, port: ["127.77.77.77"])
    lines = {line for finding in examined.findings for line in finding.repair if f"export {GENERAL}=" in line}
    assert lines == {f"export {GENERAL}={tracen.otlp_http} {PROTOCOL}=http/protobuf"}


def test_address_of_all_interfaces_is_this_machine(tracen: TracenProcess) -> None:
    """0.0.0.0 is where a server listens, and who goes there comes here."""
    examined = examine(over_http(f"http://0.0.0.0:{closed_port()}", STRANGE_KEY), db=str(tracen.db))
    examined.failed("port", f"Tracen runs at {tracen.http}", f"export {GENERAL}={tracen.otlp_http}")


def test_no_key_is_sent_to_the_usual_address_while_its_server_is_elsewhere(tmp_path: Path) -> None:
    """One of another release has the file, and does not tell where it is; where it is given, it is asked."""
    asked: list[str] = []

    def noted(host: str, port: int) -> list[str]:
        asked.append(host)
        return [host]

    with (tmp_path / "t.db.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        db = str(tmp_path / "t.db")
        examine({}, key=STRANGE_KEY, db=db, resolve=noted).failed("running", "can not be read", "--endpoint")
        assert asked == []
        given = examine({}, key=STRANGE_KEY, db=db, endpoint="http://127.0.0.1:9", resolve=noted)
    given.failed("port", "nothing listens")


def test_port_that_drops_packets_is_named() -> None:
    """As a firewall does, and a listener whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        examined = examine(over_http(origin, STRANGE_KEY), step_s=0.3)
    if examined.of("port").verdict is Verdict.OK:
        pytest.skip("this kernel takes more connections than it is told to")
    examined.failed("port", "does not answer: a firewall")


def test_server_on_other_ports_is_told_with_its_addresses(tracen: TracenProcess) -> None:
    """The store's lock tells where it is; the variables point at a port where nobody is."""
    port = closed_port()
    variables = over_http(f"http://127.0.0.1:{port}", STRANGE_KEY)
    examined = examine(variables, db=str(tracen.db))
    repair = f"export {GENERAL}={tracen.otlp_http} {PROTOCOL}=http/protobuf"
    running = examined.of("running", Verdict.WARNING)
    assert running.found == f"Tracen runs at {tracen.http}, the environment points at 127.0.0.1:{port}"
    assert running.repair == (repair,)
    examined.failed("port", f"nothing listens at 127.0.0.1:{port}; Tracen runs at {tracen.http}", repair)
    over = examine(over_grpc(f"http://127.0.0.1:{port}", STRANGE_KEY), db=str(tracen.db))
    over.failed("port", "nothing listens", f"export {GENERAL}={grpc_origin(tracen)}")


# -- something else is there ---------------------------------------------------------------------------


@contextmanager
def silent() -> Iterator[str]:
    """Takes connections, and says nothing."""
    with scripted_server(*[hang] * 20) as server:
        yield server.endpoint


def test_listener_that_hangs_is_named_over_http() -> None:
    with silent() as origin:
        examined = examine(over_http(origin, STRANGE_KEY), step_s=0.3)
    hanging = examined.of("HTTP protobuf", Verdict.FAILURE)
    assert "takes connections, and says nothing: it hangs" in hanging.found


def test_listener_that_hangs_is_named_over_grpc() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        examined = examine(over_grpc(origin, STRANGE_KEY), step_s=0.3)
    examined.failed("gRPC", "takes connections, and says nothing: it hangs", "really Tracen's?")


def test_listener_that_hangs_is_named_where_posts_go() -> None:
    with silent() as origin:
        examined = examine({}, endpoint=origin, key=STRANGE_KEY, step_s=0.3)
    examined.failed("Tracen", "takes connections, and says nothing: it hangs")


def test_whole_run_has_an_end_whatever_hangs() -> None:
    """Steps get next to nothing once the time of the run is over."""
    from bridge.diagnosis.pace import Pace

    clock = iter([0.0, 10.0, 59.0, 61.0])
    pace = Pace(4.0, 60.0, lambda: next(clock))
    assert [pace.step_s for _ in range(3)] == [4.0, 1.0, 0.1]


def test_web_server_that_is_no_tracen_is_named() -> None:
    """200 for whatever is asked: senders believe it, and nothing appears."""
    with scripted_server(*[answer(200, PAGE, **HTML)] * 20) as server:
        over = examine(over_http(server.endpoint, STRANGE_KEY))
        posting = examine({}, endpoint=server.endpoint, key=STRANGE_KEY)
    over.failed("HTTP protobuf", "is no Tracen (text/html)", "really Tracen's?")
    posting.failed("Tracen", "is no Tracen: 200, text/html", "TRACEN_ENDPOINT")


def test_collector_in_between_is_told() -> None:
    """It takes OTLP as Tracen does, and tells no page."""
    taken = answer(200, b"", Content_Type="application/x-protobuf")
    with scripted_server(answer(404, b""), taken, taken) as server:
        examined = examine(over_http(server.endpoint, STRANGE_KEY))
    for door in ("HTTP protobuf", "HTTP JSON"):
        collector = examined.of(door, Verdict.WARNING)
        assert "a Collector, or another backend, is in between" in collector.found
        assert "export TRACEN_ENDPOINT=" in collector.repair[0]


def test_otlp_that_never_becomes_a_page_is_named(tracen: TracenProcess, key: str) -> None:
    """Something takes the spans, but Tracen has not got them: 200, and nothing appears."""
    taken = answer(200, b"", Content_Type="application/x-protobuf")
    with scripted_server(*[taken] * 4) as server:
        variables = over_http(server.endpoint, key)
        examined = examine(variables, endpoint=tracen.http, key=key, posts=False)
    examined.failed("HTTP protobuf", "taken, but Tracen has no page of it", "knows nothing of the trace")


LIES: tuple[dict[str, Any], ...] = (
    {"status": "ok", "info": 5, "requests": 7, "trace_id": "../../healthz", "url": 7},
    {
        "status": "ok",
        "info": {"version": "\x1b[31m9"},
        "requests": [1, None],
        "trace_id": "x",
        "url": "http://[::1",
    },
    {
        "status": "ok",
        "requests": [{"received_at": 5, "outcome": [], "message": {"a": "\x1b[2J"}}],
        "url": "\x1b",
    },
    {"status": {}, "title": 1, "message": [], "detail": "\x1b]0;x\x07"},
)


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 500, 503])
def test_server_that_answers_nonsense_is_told_and_drives_no_terminal(
    lie: dict[str, Any], status: int
) -> None:
    """Whatever it says to whatever is asked; nothing of it is taken for a path."""
    told = {"RateLimit": '"hour";r=9999999999;t=-5', "Date": "yesterday", "Content_Type": "application/json"}
    nonsense = answer(
        status, json.dumps(lie).encode(), **told, X_Tracen_URL="http://[", Location="\x1b[31m//"
    )
    with scripted_server(*[nonsense] * 60) as server:
        variables = over_http(server.endpoint, STRANGE_KEY)
        examined = examine(variables, endpoint=server.endpoint, key=STRANGE_KEY, step_s=0.5)
        paths = {request.path for request in server.requests if request.method == "DELETE"}
    assert Verdict.FAILURE in examined.verdicts or status == 200
    assert all(line.isprintable() for one in examined.findings for line in (one.found, *one.repair))
    assert paths <= {"/api/traces/x"}


def test_redirect_is_named_with_where_it_leads() -> None:
    """Senders do not follow: the key would go along."""
    moved = answer(308, b"", Location="https://traces.example/v1/traces?token=hidden")
    with scripted_server(*[moved] * 20) as server:
        examined = examine(over_http(server.endpoint, STRANGE_KEY))
        posting = examine({}, endpoint=server.endpoint, key=STRANGE_KEY)
    repair = f"export {GENERAL}=https://traces.example"
    examined.failed("HTTP protobuf", "308: redirects to https://traces.example/v1/traces", repair)
    posting.failed("Tracen", "308: redirects", "export TRACEN_ENDPOINT=https://traces.example")
    assert "hidden" not in repr([examined, posting])


def test_path_of_nothing_is_named(tracen: TracenProcess, key: str) -> None:
    variables = over_http(tracen.otlp_http, key) | {OF_TRACES: f"{tracen.otlp_http}/otlp"}
    examined = examine(variables)
    repair = f"export {OF_TRACES}={tracen.otlp_http}/v1/traces"
    examined.failed("HTTP protobuf", "404: nothing is received at /otlp", repair)


@pytest.mark.parametrize("more", [{OF_TRACES: ""}, {OF_TRACES: "bare"}], ids=["twice", "none"])
def test_path_twice_or_none_works_with_tracen_and_is_a_warning(
    tracen: TracenProcess, key: str, more: dict[str, str]
) -> None:
    """Both doors take it all the same."""
    variables = over_http(f"{tracen.otlp_http}/v1/traces", key)
    if more[OF_TRACES]:
        variables |= {OF_TRACES: tracen.otlp_http}
    examined = examine(variables)
    examined.warned(
        "OTLP path", "Tracen understands that, others do not", "/v1/traces" if more[OF_TRACES] else ""
    )
    assert examined.of("HTTP protobuf").verdict is examined.of("HTTP JSON").verdict is Verdict.OK


def test_grpc_at_the_port_of_http_is_named(tracen: TracenProcess, key: str) -> None:
    examined = examine(over_grpc(tracen.otlp_http, key))
    examined.failed("gRPC", ", not gRPC", "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
    here = examine(over_grpc(tracen.otlp_http, key), db=str(tracen.db))
    assert here.of("gRPC").repair[1] == f"or, to stay with gRPC: export {GENERAL}={grpc_origin(tracen)}"
    assert here.of("running").verdict is Verdict.OK  # it is where that server is, at another of its doors


@pytest.mark.parametrize(
    ("said", "repair"),
    [
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"),
        ({"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"}, "OTEL_TRACES_EXPORTER=otlp_proto_http"),
    ],
)
def test_protocol_is_set_where_it_was_said(
    tracen: TracenProcess, key: str, said: dict[str, str], repair: str
) -> None:
    """Another variable would change nothing; with this one it works."""
    variables = over_http(tracen.otlp_http, key) | said
    examine(variables).failed("gRPC", ", not gRPC", f"export {repair}")
    name, _, value = repair.partition("=")
    assert examine(variables | {name: value}).of("HTTP protobuf").found == "sent, and on its page"


def test_http_at_the_port_of_grpc_is_named(tracen: TracenProcess, key: str) -> None:
    examined = examine(over_http(grpc_origin(tracen), key, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"))
    examined.failed("HTTP protobuf", ", not HTTP", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")


def test_post_to_the_ports_of_otlp_is_named(tracen: TracenProcess, key: str) -> None:
    """The commonest mistake of who has read of 4318 first."""
    over = examine({}, endpoint=tracen.otlp_http, key=key, db=str(tracen.db))
    over.failed("Tracen", "that is the port of OTLP/HTTP", f"export TRACEN_ENDPOINT={tracen.http}")
    grpc = examine({}, endpoint=grpc_origin(tracen), key=key)
    grpc.failed("Tracen", "does not answer as a web server does")


# -- TLS -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"), "first")


@pytest.fixture(scope="module")
def secured(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server with TLS."""
    with running_tracen(tmp_path_factory.mktemp("tls-store") / "t.db", *pair.options) as tracen:
        yield tracen


def trusting(cert: Path) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(cert)}


@needs_openssl
def test_expired_certificate_is_named(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "old", EXPIRED)
    with tls_server(pair) as server:
        examined = examine(over_http(server.endpoint, STRANGE_KEY, **trusting(pair.cert)))
    examined.failed("TLS", "has expired", "--tls-cert")


@needs_openssl
def test_certificate_of_another_name_is_named(tmp_path: Path) -> None:
    """127.1 is the same address, and a name that the certificate does not have."""
    pair = make_pair(tmp_path, "other")
    with tls_server(pair, host="127.1") as server:
        examined = examine(over_http(server.endpoint, STRANGE_KEY, **trusting(pair.cert)))
    examined.failed("TLS", "is not for the name 127.1", "use a name that it is for")


@needs_openssl
def test_certificate_that_nobody_vouches_for_is_named(secured: TracenProcess) -> None:
    """At every door, each with the variable that its sender reads."""
    own = "export OTEL_EXPORTER_OTLP_CERTIFICATE="
    over = examine(over_http(secured.otlp_http, secured.key))
    over.failed("TLS", "is signed by itself", own)
    grpc = examine(over_grpc(f"https://{secured.otlp_grpc}", secured.key))
    grpc.failed("TLS", "is signed by itself", own)
    posting = examine({}, endpoint=secured.http, key=secured.key)
    posting.failed("TLS", "is signed by itself", "export SSL_CERT_FILE=")


@needs_openssl
def test_http_at_a_port_with_tls_is_named(secured: TracenProcess) -> None:
    for variables, door in (
        (over_http(secured.otlp_http.replace("https", "http"), secured.key), "HTTP protobuf"),
        (over_grpc(f"http://{secured.otlp_grpc}", secured.key), "gRPC"),
    ):
        examined = examine(variables)
        place = variables[GENERAL].removeprefix("http://")
        examined.failed(door, "TLS answers at ", f"export {GENERAL}=https://{place}")


def test_tls_at_a_port_without_it_is_named(tracen: TracenProcess, key: str) -> None:
    place = tracen.otlp_http.removeprefix("http://")
    examined = examine(over_http(f"https://{place}", key), step_s=1.5)
    examined.failed("TLS", f"{place} speaks no TLS", f"export {GENERAL}=http://{place}")
    grpc = examine(over_grpc(f"https://{tracen.otlp_grpc}", key), step_s=1.5)
    grpc.failed("TLS", "speaks no TLS", f"export {GENERAL}={grpc_origin(tracen)}")


@needs_openssl
def test_doors_with_tls_are_all_right_once_the_certificate_is_trusted(
    secured: TracenProcess, pair: Pair
) -> None:
    """Plain names for what is spoken inside of it too."""
    key = add_key(secured)
    over = examine(over_http(secured.otlp_http, key, **trusting(pair.cert)), db=str(secured.db))
    grpc = examine(over_grpc(f"https://{secured.otlp_grpc}", key, **trusting(pair.cert)), db=str(secured.db))
    assert over.verdicts | grpc.verdicts == {Verdict.OK}
    assert "the certificate is valid until" in [one for one in grpc.findings if one.check == "TLS"][-1].found
    crossed = examine(over_grpc(secured.otlp_http, key, **trusting(pair.cert)))
    crossed.failed("gRPC", ", not gRPC")
