"""Variables that keep traces from arriving are named, each with its repair, without anything being asked."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from bridge.console import DEFAULT_BASE_URL
from bridge.diagnosis.doors import Taken
from bridge.diagnosis.environment import Environment, Given
from bridge.diagnosis.examination import _api_of
from bridge.diagnosis.finding import Finding, Verdict, hint
from bridge.diagnosis.target import Target, Transport
from bridge.presence import Doors
from bridge.secrecy import shown
from tests.bridge.certificates import make_pair
from tests.bridge.diagnosis.clinic import GENERAL, HEADERS, OF_TRACES, PROTOCOL, STRANGE_KEY, Examined

HTTP = "http://127.0.0.1:4318"
SENT = {GENERAL: HTTP, HEADERS: f"x-tracen-key={STRANGE_KEY}"}
DOORS = Doors("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:1", 1)


def environment(
    variables: Mapping[str, str],
    endpoint: str = "",
    key: str = STRANGE_KEY,
    doors: Doors | None = None,
    store: str = "",
) -> Environment:
    named = Given(endpoint or DEFAULT_BASE_URL, "TRACEN_ENDPOINT" if endpoint else "")
    return Environment(variables, named, Given(key, "TRACEN_KEY" if key else ""), doors, store)


def judged(variables: Mapping[str, str], endpoint: str = "", key: str = STRANGE_KEY) -> Examined:
    return Examined(tuple(environment(variables, endpoint, key).findings()))


def assert_commands_are_bare(examined: Examined) -> None:
    """A line that begins as a command can be copied whole."""
    for finding in examined.findings:
        for line in finding.repair:
            assert not re.match(r"(export|unset|tracen) .*(, |: | too| or )", line), line


BROKEN = {
    "the SDK is switched off": (
        {"OTEL_SDK_DISABLED": "TRUE"},
        "OTel SDK",
        "makes no spans",
        "unset OTEL_SDK_",
    ),
    "no exporter": ({"OTEL_TRACES_EXPORTER": "none"}, "exporter", "no spans are exported", "=otlp"),
    "the console alone": ({"OTEL_TRACES_EXPORTER": "console"}, "exporter", "not to Tracen", "=otlp"),
    "an unknown exporter": ({"OTEL_TRACES_EXPORTER": "jaeger"}, "exporter", "'jaeger'", "=otlp"),
    "always off": ({"OTEL_TRACES_SAMPLER": "always_off"}, "sampler", "no trace", "unset OTEL_TRACES_SAMPLER"),
    "a ratio of nothing": (
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
        "sampler",
        "no trace is recorded",
        "OTEL_TRACES_SAMPLER_ARG=1",
    ),
    "an unknown protocol": (
        SENT | {PROTOCOL: "http"},
        "OTLP protocol",
        "'http'",
        f"{PROTOCOL}=http/protobuf",
    ),
    "a protocol of gRPC's name": (SENT | {PROTOCOL: "gRPC"}, "OTLP protocol", "'gRPC'", f"{PROTOCOL}=grpc"),
    "an unknown compression": (
        SENT | {"OTEL_EXPORTER_OTLP_COMPRESSION": "zip"},
        "compression",
        "'zip'",
        "COMPRESSION=gzip",
    ),
    "a time that is none": (
        SENT | {"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"},
        "OTLP timeout",
        "'10s'",
        "unset OTEL_EXPORTER_OTLP_TIMEOUT",
    ),
    "quotes": (
        SENT | {GENERAL: f'"{HTTP}"'},
        "OTLP endpoint",
        "quotes or spaces",
        f"export {GENERAL}={HTTP}",
    ),
    "a space": (
        SENT | {GENERAL: f"{HTTP} "},
        "OTLP endpoint",
        "quotes or spaces",
        f"export {GENERAL}={HTTP}",
    ),
    "no scheme": (
        SENT | {GENERAL: "127.0.0.1:4318"},
        "OTLP endpoint",
        "http:// or https://",
        f"export {GENERAL}={HTTP}",
    ),
    "a port that is none": (
        SENT | {GENERAL: "http://a.example:http"},
        "OTLP endpoint",
        "port that is none",
        "",
    ),
    "a password": (
        SENT | {GENERAL: "http://u:secret@a.example"},
        "OTLP endpoint",
        "user name or password",
        "",
    ),
    "a variable in it": (SENT | {OF_TRACES: "${HOST}/v1/traces"}, "OTLP endpoint", "never filled in", ""),
    "no such certificates": (
        SENT | {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"},
        "certificate",
        "can not be read: No such file",
        "unset OTEL_EXPORTER_OTLP_CERTIFICATE",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_a_setup_is_named_with_its_repair(name: str) -> None:
    """And it alone: the rest of the variables is right."""
    variables, check, found, repair = BROKEN[name]
    examined = judged(variables)
    examined.failed(check, found, repair)
    assert_commands_are_bare(examined)
    assert len([one for one in examined.findings if one.verdict is Verdict.FAILURE]) == 1
    assert "secret" not in repr(examined.of(check).found)


DOUBTFUL = {
    "the path twice": (
        SENT | {GENERAL: f"{HTTP}/v1/traces"},
        "OTLP path",
        "add it again",
        f"{GENERAL}={HTTP}",
    ),
    "no path": (SENT | {OF_TRACES: HTTP}, "OTLP path", "no path", f"{OF_TRACES}={HTTP}/v1/traces"),
    "gRPC with a path": (
        SENT | {GENERAL: "http://a.example:4317/v1/traces"},
        "OTLP path",
        "gRPC does not use",
        f"{GENERAL}=http://a.example:4317",
    ),
    "gRPC without a scheme": (
        SENT | {GENERAL: "a.example:4317"},
        "OTLP endpoint",
        "neither http:// nor",
        f"{GENERAL}=http://a.example:4317",
    ),
    "TLS where there is none": (
        SENT | {GENERAL: "http://a.example:4317", "OTEL_EXPORTER_OTLP_INSECURE": "false"},
        "OTLP insecure",
        "Python speaks TLS then",
        "unset OTEL_EXPORTER_OTLP_INSECURE",
    ),
    "no TLS where there is": (
        SENT | {GENERAL: "https://a.example:4317", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "True"},
        "OTLP insecure",
        "https://, which goes before it",
        "unset OTEL_EXPORTER_OTLP_TRACES_INSECURE",
    ),
    "a word for no TLS that is none": (
        SENT | {GENERAL: "https://a.example:4317", "OTEL_EXPORTER_OTLP_INSECURE": "1"},
        "OTLP insecure",
        "only `true` means true",
        "unset OTEL_EXPORTER_OTLP_INSECURE",
    ),
    "an empty endpoint": (SENT | {OF_TRACES: ""}, "OTLP endpoint", "is empty", f"unset {OF_TRACES}"),
    "a ratio": (
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        "sampler",
        "10.00% of traces",
        "OTEL_TRACES_SAMPLER_ARG=1",
    ),
    "a ratio in percent": (
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
        "sampler",
        "expected 0 to 1",
        "OTEL_TRACES_SAMPLER_ARG=1",
    ),
    "an unknown sampler": (
        {"OTEL_TRACES_SAMPLER": "always"},
        "sampler",
        "'always'",
        "unset OTEL_TRACES_SAMPLER",
    ),
    "a switch that is none": (
        {"OTEL_SDK_DISABLED": "1"},
        "OTel SDK",
        "only `true`",
        "unset OTEL_SDK_DISABLED",
    ),
    "a time in whose unit": (
        SENT | {"OTEL_EXPORTER_OTLP_TIMEOUT": "10"},
        "OTLP timeout",
        "milliseconds in other languages",
        "unset",
    ),
    "a resource without names": (
        {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,production"},
        "resource",
        "pair 2",
        "service.name=",
    ),
    "a name that is nearly right": (
        SENT | {"OTEL_EXPORTER_OTLP_HEADER": "a=b"},
        "unknown name",
        "OTEL_EXPORTER_OTLP_HEADER is no",
        f"{HEADERS} is meant?",
    ),
    "a name of Tracen's that is nearly right": (
        SENT | {"TRACEN_" + "API_KEY": "x"},
        "unknown name",
        "no variable of Tracen",
        "TRACEN_KEY is meant?",
    ),
    "a setting of the exporter": (
        {"TRACEN_WAIT": "soon"},
        "exporter",
        "TRACEN_WAIT is not used: wait: expected seconds, 0 or more and at most 3600, got 'soon'",
        "unset TRACEN_WAIT",
    ),
    "a spool that is no folder": (
        {"TRACEN_SPOOL_DIR": "/etc/hosts"},
        "exporter",
        "is no folder that can be written",
        "unset TRACEN_SPOOL_DIR",
    ),
    "a space in the header": (
        SENT | {HEADERS: f"Authorization=Bearer {STRANGE_KEY}"},
        "OTLP headers",
        "not encoded as %20",
        f"export {HEADERS}=x-tracen-key=$TRACEN_KEY",
    ),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_works_by_luck_is_a_warning(name: str) -> None:
    """Some SDKs, or Tracen alone, make the best of it."""
    variables, check, found, repair = DOUBTFUL[name]
    examined = judged(variables)
    examined.warned(check, found, repair)
    assert_commands_are_bare(examined)


WRONG_HEADERS = {
    "a colon": (f"x-tracen-key: {STRANGE_KEY}", "with a colon"),
    "the key alone": (STRANGE_KEY, "no `=` in pair 1"),
    "quotes around all": (f"'x-tracen-key={STRANGE_KEY}'", "quotes around it"),
    "quotes around the key": (f'x-tracen-key="{STRANGE_KEY}"', "has quotes in it"),
    "another name": (f"x-api-key={STRANGE_KEY}", "under `x-api-key`, which Tracen does not read"),
    "no Bearer": (f"authorization={STRANGE_KEY}", "without `Bearer%20`"),
    "Bearer with a plus": (f"authorization=Bearer+{STRANGE_KEY}", "not apart by one space"),
    "Bearer encoded twice": (f"authorization=Bearer%2520{STRANGE_KEY}", "not apart by one space"),
    "Bearer with a colon": (f"authorization=Bearer%3A%20{STRANGE_KEY}", "not apart by one space"),
    "Bearer in the other header": (f"x-tracen-key=Bearer%20{STRANGE_KEY}", "begins with `Bearer`"),
    "another login": ("authorization=Basic%20dTpw", "another login"),
    "a variable that was not filled in": ("x-tracen-key=$TRACEN_KEY", "never filled in"),
    "the example of the documentation": ("x-tracen-key=tracen_sk_…", "has a value in pair 1"),
    "the example with dots": ("x-tracen-key=tracen_sk_...", "placeholder of an example"),
    "a key that lost its end": (f"x-tracen-key={STRANGE_KEY[:-1]}", "is 45 characters long; a key has 46"),
    "a key of another service": ("x-tracen-key=sk-1234567890", "those begin with tracen_sk_"),
    "a line end": (f"x-tracen-key={STRANGE_KEY}%0A%0Ax", "value in pair 1 that no header may have"),
}


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_headers_that_hold_no_key_are_told_by_their_slip(name: str) -> None:
    """And by nothing that they hold."""
    text, found = WRONG_HEADERS[name]
    examined = judged({GENERAL: HTTP, HEADERS: text})
    examined.failed("OTLP headers", found, f"export {HEADERS}=x-tracen-key=$TRACEN_KEY")
    told = repr([one for one in examined.findings if one.check == "OTLP headers"])
    assert STRANGE_KEY[14:30] not in told
    assert "dTpw" not in told


@pytest.mark.parametrize("text", ["", "x-team=search"])
def test_headers_without_a_key_are_a_warning(text: str) -> None:
    """A Collector in between needs none; whether Tracen itself is there, its door tells."""
    variables = {GENERAL: HTTP, HEADERS: text}
    judged(variables).warned("OTLP headers", "enough for a Collector in between", "x-tracen-key=$TRACEN_KEY")
    assert not environment(variables).meant().otlp[0].is_key_broken


def test_mistyped_key_is_told_by_its_check_digits() -> None:
    """Without asking anybody, in either place."""
    mistyped = STRANGE_KEY[:20] + ("A" if STRANGE_KEY[20] != "A" else "B") + STRANGE_KEY[21:]
    judged({}, key=mistyped).failed("key", "TRACEN_KEY is mistyped: its check digits", "from /app/settings")
    judged(SENT | {HEADERS: f"x-tracen-key={mistyped}"}).failed("OTLP headers", "check digits")


def test_headers_of_traces_replace_those_of_all_signals() -> None:
    """SDKs do not put the two together."""
    variables = SENT | {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-team=search"}
    judged(variables).failed("OTLP headers", f"has no key, and replaces {HEADERS}, which has one")


def test_no_key_at_all_is_told_with_the_command_that_makes_one() -> None:
    """In the store of the server that is asked, where that is known; else it would be a key of another one."""
    judged({}, key="").failed("key", "TRACEN_KEY is not set", "from /app/settings")
    store = "/data of a team/tracen.db"
    make = f"export TRACEN_KEY=$(tracen keys create --account local@tracen --db '{store}')"
    for variables, found in (({}, "is not set"), ({"TRACEN_KEY": ""}, "is empty")):
        looked_at = environment(variables, DOORS.http, "", DOORS, store)
        Examined(tuple(looked_at.findings())).failed("key", found, make)
    other = Examined(tuple(environment({}, "http://127.0.0.1:7", "", DOORS, store).findings()))
    assert not [line for line in other.of("key").repair if line.startswith("export")]


def test_repair_can_be_run_whatever_the_place_is_called() -> None:
    """Whole, as a shell takes it, and without a user; a placeholder where nothing can be made of it."""
    long = f"http://a.example/{'deep/' * 40}x&y;$(id)"
    cases = (
        (f" {long}", long),
        ("http://u:secret@a.example:4318", "http://a.example:4318"),
        ("u:secret@[::1]:4318", "http://[::1]:4318"),
        ("http://u:sec/ret@a.example", "http://HOST:PORT"),
        ("${HOST}:4318", "http://HOST:PORT"),
        (STRANGE_KEY, "http://HOST:PORT"),
    )
    for text, meant in cases:
        repair = judged(SENT | {GENERAL: text}).of("OTLP endpoint").repair
        assert [shlex.split(line) for line in repair] == [["export", f"{GENERAL}={meant}"]]
    repair = judged({}, f"{long}/api/traces").of("Tracen").repair
    assert [shlex.split(line) for line in repair] == [["export", f"TRACEN_ENDPOINT={long}"]]


WRONG_ENDPOINTS = {
    "http://127.0.0.1:8000/api/traces": "ends in a path",
    "http://127.0.0.1:8000/v1/traces/": "ends in a path",
    "'http://127.0.0.1:8000'": "quotes or spaces",
    "127.0.0.1:8000": "does not begin with http://",
}


@pytest.mark.parametrize("endpoint", WRONG_ENDPOINTS)
def test_endpoint_of_tracen_is_looked_at_too(endpoint: str) -> None:
    """What is no start of a URL is told with the one that was meant."""
    examined = judged({}, endpoint)
    examined.failed("Tracen", WRONG_ENDPOINTS[endpoint], "export TRACEN_ENDPOINT=http://127.0.0.1:8000")
    assert environment({}, endpoint).meant().api is None


PROXIES: dict[str, tuple[dict[str, str], Verdict]] = {
    "before this machine": ({"HTTP_PROXY": "http://u:secret@proxy.example:3128"}, Verdict.FAILURE),
    "but not for this machine": ({"http_proxy": "http://p.example", "NO_PROXY": "a,127.0.0.1"}, Verdict.OK),
    "but not for its network": ({"http_proxy": "http://p.example", "no_proxy": "127.0.0.0/8"}, Verdict.OK),
    "but for nothing": ({"all_proxy": "socks5://p.example", "no_proxy": "*"}, Verdict.OK),
    "of the other scheme": ({"HTTPS_PROXY": "http://p.example"}, Verdict.OK),
}


@pytest.mark.parametrize("name", PROXIES)
def test_proxy_that_takes_what_is_meant_for_this_machine_is_named(name: str) -> None:
    """Clients of SDKs go through it, also to the loopback address."""
    variables, verdict = PROXIES[name]
    proxy = judged(SENT | variables).of("proxy")
    assert proxy.verdict is verdict
    if verdict is Verdict.FAILURE:
        assert "HTTP_PROXY=http://…@proxy.example:3128 takes what is sent to 127.0.0.1" in proxy.found
        exempt = "127.0.0.1,localhost"
        assert proxy.repair == (f"export NO_PROXY={exempt} no_proxy={exempt}",)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command on this machine")
def test_certificates_to_trust_must_be_some(tmp_path: Path) -> None:
    """In PEM; and they do nothing where there is no TLS."""
    variable, pair = "OTEL_EXPORTER_OTLP_CERTIFICATE", make_pair(tmp_path, "first")
    over_tls = SENT | {GENERAL: "https://traces.example"}
    judged(over_tls | {variable: str(pair.key)}).failed(
        "certificate", "holds a private key, and no certificate", "unset"
    )
    judged(SENT | {variable: str(pair.cert)}).warned("certificate", "there is no TLS", f"unset {variable}")
    assert environment(over_tls | {variable: str(pair.cert)}).meant().otlp[0].files.ca_file == str(pair.cert)


def test_proxy_before_another_machine_is_a_warning() -> None:
    """It may well be wanted."""
    variables = SENT | {
        GENERAL: "https://traces.example",
        "https_proxy": "http://p.example:3128",
        "no_proxy": "a",
    }
    repair = 'export NO_PROXY="$no_proxy",traces.example no_proxy="$no_proxy",traces.example'
    judged(variables).warned("proxy", "stands before traces.example", repair)


def test_environment_means_what_an_sdk_would_do() -> None:
    """Which doors, at which addresses, with which key."""
    cases: list[tuple[dict[str, str], list[tuple[str, Transport]]]] = [
        (SENT, [(f"{HTTP}/v1/traces", Transport.HTTP_PROTOBUF)]),
        (SENT | {PROTOCOL: "grpc"}, [(HTTP, Transport.GRPC)]),
        (SENT | {OF_TRACES: "http://a.example/x"}, [("http://a.example/x", Transport.HTTP_PROTOBUF)]),
        (SENT | {GENERAL: "http://a.example:4317"}, [("http://a.example:4317", Transport.GRPC)]),
        (SENT | {GENERAL: "a.example:4317"}, [("https://a.example:4317", Transport.GRPC)]),
        (
            SENT | {GENERAL: "a.example:4317", "OTEL_EXPORTER_OTLP_INSECURE": "true"},
            [("http://a.example:4317", Transport.GRPC)],
        ),
        (
            {},
            [
                ("http://localhost:4317", Transport.GRPC),
                ("http://localhost:4318/v1/traces", Transport.HTTP_PROTOBUF),
            ],
        ),
        ({PROTOCOL: "grpc"}, [("http://localhost:4317", Transport.GRPC)]),
        ({"OTEL_TRACES_EXPORTER": "tracen"}, []),
    ]
    for variables, expected in cases:
        otlp = environment(variables).meant().otlp
        assert [(target.url, target.transports[0]) for target in otlp] == expected, variables


def test_word_for_no_tls_is_of_grpc_alone() -> None:
    """Over HTTP the scheme is all there is; and it is right where no scheme says anything."""
    variables = SENT | {PROTOCOL: "http/protobuf", "OTEL_EXPORTER_OTLP_INSECURE": "false"}
    assert judged(variables).verdicts == {Verdict.OK}
    bare = judged(SENT | {GENERAL: "a.example:4317", "OTEL_EXPORTER_OTLP_INSECURE": "true"})
    assert "OTLP insecure" not in [one.check for one in bare.findings]


def test_endpoint_of_tracen_alone_means_posts_and_the_doors_of_a_server_that_runs_here() -> None:
    """Elsewhere there may be no OTLP at all."""
    elsewhere = environment({}, "https://traces.example", doors=DOORS).meant()
    assert elsewhere.otlp == ()
    here = environment({}, DOORS.http, doors=DOORS).meant()
    assert [target.url for target in here.otlp] == ["http://127.0.0.1:2", "http://127.0.0.1:3/v1/traces"]
    assert {target.secret for target in here.otlp} == {STRANGE_KEY}


def test_protocol_that_follows_from_the_port_alone_is_better_said() -> None:
    """No fault, as most SDKs do what is meant; but opentelemetry-distro begins with gRPC, and others with HTTP."""
    for url, protocol in ((HTTP, "http/protobuf"), ("http://127.0.0.1:4317", "grpc")):
        otlp = judged(SENT | {GENERAL: url}).of("OTLP", Verdict.OK)
        assert otlp.repair == (f"some SDKs begin with another protocol: export {PROTOCOL}={protocol}",)


def test_setup_that_is_right_has_nothing_to_repair() -> None:
    """One line a matter, each ok."""
    examined = judged(SENT | {PROTOCOL: "http/protobuf", "OTEL_RESOURCE_ATTRIBUTES": "service.name=a"})
    assert examined.verdicts == {Verdict.OK}
    assert not [one for one in examined.findings if one.repair]
    assert [one.check for one in examined.findings] == ["OTel SDK", "OTLP", "OTLP headers", "key", "proxy"]


def test_key_is_shown_to_its_own_host_alone() -> None:
    """The API of another host is not asked about the key of OTLP."""
    here, there = Target("http://127.0.0.1:4318", ()), Target("https://traces.example", ())
    assert here.is_beside(Target("http://localhost:8000", ()))
    assert there.is_beside(Target("https://traces.example:4317", ()))
    assert not here.is_beside(there)
    assert _api_of(Taken("http://127.0.0.1:8000/traces/x"), there, None) is None
    assert _api_of(Taken("http://traces.example/traces/x"), there, None) is None
    told = _api_of(Taken("http://127.0.0.1:8000/traces/x"), replace(here, secret="mine"), there)
    assert told == Target("http://127.0.0.1:8000", (), secret="mine")
    assert _api_of(Taken(), replace(here, secret="mine"), replace(there, secret="its own")) == replace(
        there, secret="its own"
    )


def test_no_more_is_shown_of_a_key_than_the_page_of_keys_does() -> None:
    """Of what may be none, its length alone; of a URL, no password and no query."""
    assert hint(STRANGE_KEY) == f"{STRANGE_KEY[:14]}…{STRANGE_KEY[-4:]}"
    assert hint("hunter2") == "7 characters"
    assert shown(f"http://a.example/{STRANGE_KEY}") == "http://a.example/tracen_sk_…"
    assert shown("http://u:p@a.example/x?token=1\x1b[31m") == "http://…@a.example/x"
    assert shown("u:p@a.example") == "a.example"
    assert shown("a\x1b[31m") == "a\\x1b[31m"


PIECES = st.sampled_from(
    ["http://", "https://", "grpc", "[::1", "]", "a.example", ":", "4317", "4318", "99999", "/", "/v1/traces", "@",
     "?", "#", " ", '"', "=", ",", "%20", "%", "\udcff", "é", "\x1b[31m", "\n", "$X", "Bearer", "x-tracen-key",
     "authorization", "true", "otlp", "0.5", "nan", STRANGE_KEY]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=6).map("".join)
NAMES = st.sampled_from(
    [GENERAL, OF_TRACES, PROTOCOL, HEADERS, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT",
     "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_INSECURE",
     "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SDK_DISABLED",
     "OTEL_RESOURCE_ATTRIBUTES", "TRACEN_ONLY", "TRACEN_SPOOL_DIR", "HTTP_PROXY", "NO_PROXY", "OTEL_EXPORTER_OTLP_X"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, TEXTS, max_size=6), TEXTS, TEXTS)
def test_whatever_variables_hold_it_is_told_on_one_line_and_no_key_is(
    variables: dict[str, str], endpoint: str, key: str
) -> None:
    """No text is an exception, drives a terminal, or brings a key to light."""
    looked_at = environment(variables, endpoint, key, DOORS)
    looked_at.meant()
    for finding in looked_at.findings():
        for text in (finding.found, *finding.repair):
            assert text.isprintable(), text
            assert STRANGE_KEY[14:-4] not in text


def test_finding_holds_no_secret_in_its_words() -> None:
    """Whatever is wrong with it."""
    for text, _ in WRONG_HEADERS.values():
        found: list[Finding] = list(environment({GENERAL: HTTP, HEADERS: text}).findings())
        assert STRANGE_KEY not in repr(found)
