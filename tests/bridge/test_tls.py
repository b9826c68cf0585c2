"""TLS on all three ports, with the clients that people use; certificates are renewed while it serves."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.bridge.certificates import EXPIRED, Pair, make_pair
from tests.bridge.otlp_bodies import fresh_id
from tests.bridge.test_serve import refused
from tests.processes import TracenProcess, running_tracen, serve_command
from tests.tracen_otel.readable_spans import root_span

RENEWED_WITHIN_S = 60  # it looks every two seconds; a stalled machine may not


pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command on this machine")


@pytest.fixture(autouse=True)
def only_the_certificate_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests, beneath the HTTP exporter, prefers these to what it is told."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"), "first")


@pytest.fixture(scope="module")
def served(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server with TLS, for tests that leave its certificate alone."""
    with running_tracen(tmp_path_factory.mktemp("tls-store") / "t.db", *pair.options) as tracen:
        yield tracen


def spans() -> list[ReadableSpan]:
    return [root_span(int.from_bytes(fresh_id()))]


def organisation(address: str) -> str:
    """Who the certificate that a port shows is of."""
    host, port = address.removeprefix("https://").rsplit(":", 1)
    pem = ssl.get_server_certificate((host, int(port)), timeout=20)
    der = ssl.PEM_cert_to_DER_cert(pem)
    return next(name for name in ("first", "second") if name.encode() in der)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def log_of(tracen: TracenProcess) -> str:
    return tracen.db.with_suffix(".stderr").read_text(encoding="utf-8")


def test_grpc_exporter_delivers_over_tls(served: TracenProcess, pair: Pair) -> None:
    """The Python OTLP exporter that trusts the certificate."""
    credentials = grpc.ssl_channel_credentials(pair.cert.read_bytes())
    exporter = GrpcExporter(
        endpoint=f"https://{served.otlp_grpc}", credentials=credentials, headers={"x-tracen-key": served.key}
    )
    assert exporter.export(spans()) is SpanExportResult.SUCCESS
    exporter.shutdown()


@pytest.mark.parametrize("port", ["http", "otlp_http"])
def test_http_exporter_delivers_over_tls(served: TracenProcess, pair: Pair, port: str) -> None:
    """To the URL of the ready line, as it stands."""
    url = getattr(served, port)
    assert url.startswith("https://")
    exporter = HttpExporter(
        endpoint=f"{url}/v1/traces", certificate_file=str(pair.cert), headers={"x-tracen-key": served.key}
    )
    assert exporter.export(spans()) is SpanExportResult.SUCCESS
    exporter.shutdown()  # type: ignore[no-untyped-call]


def test_pages_are_named_with_https(served: TracenProcess, pair: Pair) -> None:
    """The URL that a post answers is that of the ready line, and opens."""
    with httpx2.Client(verify=pair.trusting(), trust_env=False) as client:
        posted: dict[str, Any] = {"prompt": "p", "response": "r", "provider": "openai", "model": "m"}
        posted |= {"status": "success", "steps": []}
        answer = client.post(f"{served.http}/api/traces", json=posted, headers={"x-tracen-key": served.key})
        url = answer.json()["url"]
        assert url.startswith(f"{served.http}/traces/")
        assert client.get(url).status_code == 200


@pytest.mark.parametrize("port", ["http", "otlp_http", "otlp_grpc"])
def test_tls_1_1_is_refused(served: TracenProcess, port: str) -> None:
    """The oldest that is spoken is 1.2."""
    host, number = getattr(served, port).removeprefix("https://").rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # or this side would not even offer 1.1
    context.set_alpn_protocols(["h2"])  # gRPC talks to no other
    with socket.create_connection((host, int(number)), timeout=20) as connection:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(connection) as spoken:
            assert spoken.version() == "TLSv1.2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((host, int(number)), timeout=20) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection)


def test_plain_http_to_a_tls_port_fails_without_harm(served: TracenProcess, pair: Pair) -> None:
    """The sender gets an error, the log no traceback, and the next one over TLS is served."""
    for port in ("http", "otlp_http", "otlp_grpc"):
        address = getattr(served, port).removeprefix("https://")
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"http://{address}/healthz", timeout=20, trust_env=False)
    with httpx2.Client(verify=pair.trusting(), trust_env=False) as client:
        assert client.get(f"{served.http}/healthz").status_code == 200
    test_grpc_exporter_delivers_over_tls(served, pair)
    assert "Traceback" not in log_of(served)


def test_renewed_certificate_is_taken_up_without_restart(tmp_path: Path) -> None:
    """On every port; a half-written pair keeps the old one, and is told once."""
    pair, second = make_pair(tmp_path, "first"), make_pair(tmp_path, "second")
    with running_tracen(tmp_path / "t.db", *pair.options) as tracen:
        ports = (tracen.http, tracen.otlp_http, tracen.otlp_grpc)
        with httpx2.Client(verify=pair.trusting(), trust_env=False) as before:
            assert before.get(f"{tracen.http}/healthz").status_code == 200
            os.replace(second.cert, pair.cert)
            assert within(RENEWED_WITHIN_S, lambda: "is kept" in log_of(tracen)), log_of(tracen)
            assert [organisation(port) for port in ports] == ["first"] * 3
            os.replace(second.key, pair.key)
            renewed = ["second"] * len(ports)
            assert within(RENEWED_WITHIN_S, lambda: [organisation(port) for port in ports] == renewed)
            assert before.get(f"{tracen.http}/healthz").status_code == 200  # on its old connection
        assert log_of(tracen).count("is kept") == 1
        test_grpc_exporter_delivers_over_tls(tracen, pair)
        test_http_exporter_delivers_over_tls(tracen, pair, "otlp_http")


def test_files_that_can_not_be_used_keep_it_from_starting(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    good, other = make_pair(tmp_path, "good"), make_pair(tmp_path, "other")
    old = make_pair(tmp_path, "old", EXPIRED)
    empty, none = tmp_path / "empty.pem", tmp_path / "none.pem"
    empty.touch()
    for cert, key, file, reason in (
        (none, good.key, none, "No such file"),
        (good.cert, none, none, "No such file"),
        (tmp_path, good.key, tmp_path, "directory"),
        (empty, good.key, empty, "no certificate"),
        (good.cert, empty, empty, "no private key"),
        (good.cert, other.key, other.key, "does not belong"),
        (old.cert, old.key, old.cert, "expired"),
    ):
        message = refused(*serve_command(tmp_path / "t.db", *Pair(cert, key).options))
        assert str(file) in message
        assert reason in message


@pytest.mark.parametrize("option", [0, 2])
def test_one_file_without_the_other_is_refused(tmp_path: Path, pair: Pair, option: int) -> None:
    """Half of TLS would be none."""
    message = refused(*serve_command(tmp_path / "t.db", *pair.options[option : option + 2]))
    assert "--tls-cert" in message
    assert "--tls-key" in message
