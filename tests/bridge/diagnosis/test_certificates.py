"""The files of TLS: whom a sender trusts, and what it shows of itself where a server asks (mTLS)."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from bridge.console import DEFAULT_BASE_URL
from bridge.diagnosis.environment import Environment, Given
from bridge.diagnosis.finding import Verdict
from tests.bridge.certificates import EXPIRED, Pair, make_pair
from tests.bridge.diagnosis.clinic import (
    GENERAL,
    HEADERS,
    STRANGE_KEY,
    Examined,
    add_key,
    examine,
    over_grpc,
    over_http,
)
from tests.bridge.diagnosis.mutual_tls import GRPC, alerting_server, asking_proxy
from tests.processes import TracenProcess
from tests.tracen_otel.readable_spans import root_span

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command on this machine")

TRUSTED = "OTEL_EXPORTER_OTLP_CERTIFICATE"
CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
KEY = "OTEL_EXPORTER_OTLP_CLIENT_KEY"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Files:
    """One of each kind."""

    folder: Path
    server: Pair
    client: Pair
    stranger: Pair
    old: Pair

    def write(self, name: str, *content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(b"".join(content))
        return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    server, client, stranger = (make_pair(folder, name) for name in ("server", "client", "stranger"))
    return Files(folder, server, client, stranger, make_pair(folder, "old", EXPIRED))


def shown_by(pair: Pair) -> dict[str, str]:
    return {CERTIFICATE: str(pair.cert), KEY: str(pair.key)}


def judged(variables: dict[str, str], endpoint: str = "https://traces.example") -> Examined:
    """What is found in the variables alone; nobody is asked."""
    sent = {GENERAL: endpoint, HEADERS: f"x-tracen-key={STRANGE_KEY}"}
    environment = Environment(sent | variables, Given(DEFAULT_BASE_URL, ""), Given(STRANGE_KEY, "TRACEN_KEY"))
    return Examined(tuple(environment.findings()))


BROKEN: dict[str, tuple[Callable[[Files], dict[str, str]], str, str]] = {
    "no such file": (
        lambda f: shown_by(f.client) | {CERTIFICATE: "/nowhere/client.crt"},
        f"{CERTIFICATE}=/nowhere/client.crt can not be read: No such file",
        f"export {CERTIFICATE}=PATH-OF-YOUR-CERTIFICATE",
    ),
    "no such key": (
        lambda f: shown_by(f.client) | {KEY: "~/client.key"},
        f"{KEY}=~/client.key can not be read: No such file or directory; the ~ is taken as it is",
        f"export {KEY}=PATH-OF-ITS-KEY",
    ),
    "a folder": (lambda f: shown_by(f.client) | {KEY: str(f.folder)}, "can not be read: Is a directory", KEY),
    "not PEM": (
        lambda f: shown_by(f.client) | {CERTIFICATE: f.write("der", b"\x30\x82\x01")},
        "holds no certificate in PEM",
        CERTIFICATE,
    ),
    "a key that is none": (
        lambda f: shown_by(f.client) | {KEY: f.write("none", b"secret")},
        "holds no private key in PEM",
        KEY,
    ),
    "the two the wrong way round": (
        lambda f: {CERTIFICATE: str(f.client.key), KEY: str(f.client.cert)},
        "holds a private key, and no certificate",
        CERTIFICATE,
    ),
    "the certificate twice": (
        lambda f: shown_by(f.client) | {KEY: str(f.client.cert)},
        "holds a certificate, and no private key",
        KEY,
    ),
    "the key of another": (
        lambda f: shown_by(f.client) | {KEY: str(f.stranger.key)},
        "client.crt does not belong to the key",
        f"export {KEY}=PATH-OF-ITS-KEY",
    ),
    "damaged": (
        lambda f: shown_by(f.client) | {CERTIFICATE: f.write("half", f.client.cert.read_bytes()[:200])},
        "can not be used with its key",
        "",
    ),
    "expired": (lambda f: shown_by(f.old), "old.crt has expired", "have another one made"),
    "no key": (lambda f: {CERTIFICATE: str(f.client.cert)}, f"is set without {KEY}", f"export {KEY}=PATH"),
    "no certificate": (
        lambda f: {KEY: str(f.client.key)},
        f"is set without {CERTIFICATE}",
        f"export {CERTIFICATE}=PATH",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_certificate_that_can_not_be_shown_is_named_with_its_repair(files: Files, name: str) -> None:
    """And it alone; nothing that a key says is told."""
    make, found, repair = BROKEN[name]
    examined = judged(make(files))
    examined.failed("client cert", found, repair)
    assert len([one for one in examined.findings if one.verdict is Verdict.FAILURE]) == 1
    assert "secret" not in repr(examined)


def test_key_with_a_password_is_named_and_nobody_is_asked_for_it(files: Files) -> None:
    """No SDK could ask; the lines that take the password off work as they stand."""
    locked = files.folder / "locked.key"
    locking = [
        "openssl",
        "pkey",
        "-in",
        str(files.client.key),
        "-aes256",
        "-passout",
        "pass:x",
        "-out",
        str(locked),
    ]
    subprocess.run(locking, check=True, capture_output=True, timeout=60)
    examined = judged(shown_by(files.client) | {KEY: str(locked)})
    examined.failed("client cert", "is encrypted", f"export {KEY}=plain.key")
    unlocking = examined.of("client cert").repair[0].replace(" -in", " -passin pass:x -in")
    subprocess.run(["sh", "-c", unlocking], check=True, cwd=files.folder, capture_output=True, timeout=60)
    assert (files.folder / "plain.key").stat().st_mode & 0o077 == 0
    judged(shown_by(files.client) | {KEY: str(files.folder / "plain.key")}).of("client cert", Verdict.OK)


def test_certificate_for_servers_alone_is_named(files: Files) -> None:
    """Those of web servers often are, and no server takes them of a client."""
    pair = Pair(files.folder / "web.crt", files.folder / "web.key")
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=web", "-days", "2"]
    making += ["-addext", "extendedKeyUsage=serverAuth", "-keyout", str(pair.key), "-out", str(pair.cert)]
    subprocess.run(making, check=True, capture_output=True, timeout=60)
    judged(shown_by(pair)).failed("client cert", "is one for servers alone", "have another one made")
    mixed = judged(
        shown_by(pair) | {KEY: str(files.client.key)}
    )  # of another kind, which has words of its own
    mixed.failed("client cert", "does not belong to the key")


def test_pair_that_is_right_is_told_with_its_end(files: Files) -> None:
    examined = judged(shown_by(files.client) | {TRUSTED: str(files.server.cert)})
    assert (
        f"{CERTIFICATE}={files.client.cert} is valid until 20" in examined.of("client cert", Verdict.OK).found
    )


def test_certificate_and_key_in_one_file_are_better_named_twice(files: Files) -> None:
    """Python's exporter takes them; others look at the two variables alone."""
    both = files.write("both.pem", files.client.cert.read_bytes(), files.client.key.read_bytes())
    examined = judged({CERTIFICATE: both})
    warning = examined.of("client cert", Verdict.WARNING)
    assert f"{KEY} is not set; Python finds the key" in warning.found
    assert warning.repair == (f"export {KEY}={both}",)
    assert Verdict.FAILURE not in examined.verdicts


def test_variables_of_traces_replace_those_of_all_signals(files: Files) -> None:
    """Each for itself, and it is the one that is repaired."""
    own = CERTIFICATE.replace("OTLP_", "OTLP_TRACES_")
    examined = judged(shown_by(files.client) | {own: str(files.old.cert)})
    examined.failed("client cert", f"{own}={files.old.cert} does not belong to the key", f"export {KEY}=")


def test_files_without_tls_are_a_warning(files: Files) -> None:
    """All in one line; for another machine TLS is what was meant."""
    variables = shown_by(files.client) | {TRUSTED: str(files.server.cert)}
    unset = f"unset {TRUSTED} {CERTIFICATE} {KEY}"
    judged(variables, "http://127.0.0.1:4318").warned("certificate", "there is no TLS", unset)
    away = judged(variables, "http://traces.example:4318").of("certificate", Verdict.WARNING)
    assert away.repair == (
        f"export {GENERAL}=https://traces.example:4318",
        f"or, where no TLS is meant: {unset}",
    )


def test_pair_over_grpc_needs_whom_to_trust_beside_it(files: Files) -> None:
    """Python's exporter over gRPC looks at the pair only then; there is no such condition over HTTP."""
    over_grpc_too = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"} | shown_by(files.client)
    judged(over_grpc_too).warned("client cert", f"only where {TRUSTED} is set too", f"export {TRUSTED}=PATH")
    assert judged(over_grpc_too | {TRUSTED: str(files.server.cert)}).verdicts == {Verdict.OK}
    assert judged(shown_by(files.client)).verdicts == {Verdict.OK}


# -- a server that asks --------------------------------------------------------------------------------


@pytest.fixture
def key(tracen: TracenProcess) -> str:
    return add_key(tracen)


@pytest.fixture
def asking(files: Files, tracen: TracenProcess) -> Iterator[str]:
    """Before the door of OTLP/HTTP."""
    with asking_proxy(files.server, files.client.cert, tracen.otlp_http.partition("://")[2]) as url:
        yield url


@pytest.fixture
def asking_grpc(files: Files, tracen: TracenProcess) -> Iterator[str]:
    with asking_proxy(files.server, files.client.cert, tracen.otlp_grpc, GRPC) as url:
        yield url


def test_server_that_asks_is_shown_the_certificate_at_every_door(
    files: Files, tracen: TracenProcess, key: str, asking: str, asking_grpc: str
) -> None:
    """And what was sent is on its page; the exporter itself does as doctor does."""
    more = shown_by(files.client) | {TRUSTED: str(files.server.cert)}
    over = examine(over_http(asking, key, **more), endpoint=tracen.http, key=key, posts=False)
    grpc = examine(over_grpc(asking_grpc, key, **more), endpoint=tracen.http, key=key, posts=False)
    for examined, door in ((over, "HTTP protobuf"), (over, "HTTP JSON"), (grpc, "gRPC")):
        assert examined.of(door).found == "sent, and on its page"
    assert over.verdicts | grpc.verdicts == {Verdict.OK, Verdict.SKIPPED}


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("over", [over_http, over_grpc])
def test_server_that_asks_and_is_shown_nothing_is_named(
    files: Files, newest: ssl.TLSVersion, over: Callable[..., dict[str, str]]
) -> None:
    """With the two variables that it takes. Before TLS 1.3 the alert is one for anything."""
    with alerting_server(files.server, files.client.cert, newest) as url:
        examined = examine(over(url, STRANGE_KEY, **{TRUSTED: str(files.server.cert)}))
    examined.failed(
        "TLS", "certificate from who sends (mTLS)", f"export {CERTIFICATE}=PATH-OF-YOUR-CERTIFICATE"
    )
    assert f"export {KEY}=PATH-OF-ITS-KEY" in examined.of("TLS").repair


def test_server_that_asks_and_knows_another_one_is_named(files: Files) -> None:
    """In the words of its alert."""
    more = shown_by(files.stranger) | {TRUSTED: str(files.server.cert)}
    with alerting_server(files.server, files.client.cert) as url:
        examined = examine(over_http(url, STRANGE_KEY, **more))
    found = f"does not take the certificate that {CERTIFICATE} names: unknown ca"
    examined.failed("TLS", found, "an authority that this server trusts")


def test_server_that_asks_and_says_nothing_is_named(files: Files, asking: str) -> None:
    """It hangs up, and the handshake was all right for us."""
    trusting = {TRUSTED: str(files.server.cert)}
    nothing = examine(over_http(asking, STRANGE_KEY, **trusting))
    nothing.failed("TLS", "hangs up right after the TLS handshake, as servers do that want a", CERTIFICATE)
    other = examine(over_http(asking, STRANGE_KEY, **trusting, **shown_by(files.stranger)))
    other.failed("TLS", f"that do not take the certificate that {CERTIFICATE} names", "an authority")


def test_server_whom_the_file_does_not_name_is_named_with_the_variable(files: Files, asking: str) -> None:
    own = "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"
    examined = examine(over_http(asking, STRANGE_KEY, **{own: str(files.stranger.cert)}))
    examined.failed("TLS", f"whom {own} does not name", f"export {own}=PATH-OF-YOUR-CHAIN")


def test_exporter_shows_what_doctor_shows(
    files: Files, monkeypatch: pytest.MonkeyPatch, key: str, asking: str
) -> None:
    """OpenTelemetry's own, with the same variables."""
    monkeypatch.setenv("NO_PROXY", "*")
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)
    more = shown_by(files.client) | {TRUSTED: str(files.server.cert)}
    for name, value in over_http(asking, key, **more).items():
        monkeypatch.setenv(name, value)
    exporter = OTLPSpanExporter()
    assert exporter.export([root_span(1)]) is SpanExportResult.SUCCESS
    exporter.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_bundle_that_takes_the_place_of_the_file_is_named(
    files: Files, monkeypatch: pytest.MonkeyPatch, bundle: str, asking: str
) -> None:
    """Python's exporter over HTTP heeds it first, so that it trusts nobody whom the file of OTLP names."""
    more = {
        TRUSTED: str(files.server.cert),
        bundle: str(files.stranger.cert),
        HEADERS: "a=b",
        "NO_PROXY": "*",
    }
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in (more | shown_by(files.client) | {GENERAL: asking}).items():
        monkeypatch.setenv(name, value)
    exporter = OTLPSpanExporter(timeout=0.5)
    assert exporter.export([root_span(1)]) is SpanExportResult.FAILURE
    exporter.shutdown()  # type: ignore[no-untyped-call]
    judged({TRUSTED: str(files.server.cert), bundle: str(files.stranger.cert)}).warned(
        "certificate",
        f"{bundle} takes the place of {TRUSTED} in Python's exporter over HTTP",
        "unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE",
    )
    assert judged({TRUSTED: str(files.server.cert), bundle: str(files.server.cert)}).verdicts == {Verdict.OK}
