"""The variables that name the files of TLS, as SDKs read them: whom to trust, and who the sender is (mTLS).

OTel specification, protocol/exporter.md. Each of traces replaces that of all signals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.diagnosis import certificate_files
from bridge.diagnosis.certificate_files import TLSFiles, UnusableFile
from bridge.diagnosis.command_line import CHAIN, exported, quoted
from bridge.diagnosis.finding import Finding, Subject, place_of
from bridge.diagnosis.target import Target
from bridge.secrecy import shown

GENERAL, OF_TRACES = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
CLIENT_CERTIFICATE = f"{GENERAL}CLIENT_CERTIFICATE"
_CERTIFICATE_PATH, _KEY_PATH = "PATH-OF-YOUR-CERTIFICATE", "PATH-OF-ITS-KEY"
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_TRUST, _OWN = "certificate", "client cert"
_SOON = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FileVariable:
    """A variable, and the path it holds; "" where it is not set, `name` being what it would be set by."""

    name: str
    path: str

    @property
    def shown(self) -> str:
        return f"{self.name}={shown(self.path)}"


@dataclass(frozen=True, slots=True)
class CertificateVariables:
    """The three files: whom to trust, the certificate of the sender, its key."""

    trusted: FileVariable
    certificate: FileVariable
    key: FileVariable
    bundle: FileVariable
    """Whom programs with the package requests trust, Python's exporter over HTTP being one."""

    @property
    def files(self) -> TLSFiles:
        """As SDKs take them. A certificate without a key may have it in its own file."""
        trusted, certificate = self.trusted, self.certificate
        key_file = (self.key.path or certificate.path) if certificate.path else ""
        return TLSFiles(trusted.path, certificate.path, key_file, trusted.name, certificate.name)

    @property
    def named(self) -> tuple[str, ...]:
        """Those that are set."""
        return tuple(one.name for one in (self.trusted, self.certificate, self.key) if one.path)


def read(environ: Mapping[str, str]) -> CertificateVariables:
    """Those that hold for traces; one that is empty counts as absent."""

    def read_one(what: str) -> FileVariable:
        for start in (OF_TRACES, GENERAL):
            if path := environ.get(start + what, "").strip():
                return FileVariable(start + what, path)
        return FileVariable(GENERAL + what, "")

    name = next((name for name in _BUNDLES if environ.get(name)), "")
    trusted, certificate, key = map(read_one, ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"))
    return CertificateVariables(trusted, certificate, key, FileVariable(name, environ.get(name, "")))


def judge(variables: CertificateVariables, otlp: tuple[Target, ...], subject: Subject) -> Iterator[Finding]:
    """What is wrong with the files, or that nothing looks at them."""
    broken = [*_judge_trusted(variables.trusted, subject), *_judge_own(variables, subject)]
    yield from broken
    if any(finding.verdict == "fail" for finding in broken):
        return
    if variables.named and otlp and not any(target.is_tls for target in otlp):
        yield _without_tls(variables, otlp[0], subject)
    elif any(target.is_grpc for target in otlp):
        yield from _judge_in_grpc(variables, subject)
    elif otlp:
        yield from _judge_bundle(variables, subject)


def own_files() -> tuple[str, str]:
    """The lines that give a sender a certificate."""
    return exported(CLIENT_CERTIFICATE, "", _CERTIFICATE_PATH), exported(
        f"{GENERAL}CLIENT_KEY", "", _KEY_PATH
    )


def _without_tls(variables: CertificateVariables, target: Target, subject: Subject) -> Finding:
    names = variables.named
    are = "is set" if len(names) == 1 else "are set"
    found = f"{' and '.join(names)} {are}, but the endpoint begins with http://, so there is no TLS"
    unset = f"unset {' '.join(names)}"
    if target.is_local or not target.variable:
        return subject.warning(_TRUST, found, unset)
    path = f"/{target.url.partition('://')[2].partition('/')[2]}" if "_TRACES_" in target.variable else ""
    tls = exported(target.variable, f"https://{place_of(target.url)}{path}")
    return subject.warning(_TRUST, found, tls, f"or, where no TLS is meant: {unset}")


def _judge_trusted(trusted: FileVariable, subject: Subject) -> Iterator[Finding]:
    if not trusted.path:
        return
    try:
        certificate_files.check_trusted(trusted.path)
    except UnusableFile as error:
        repair = (
            exported(trusted.name, "", CHAIN),
            f"or, if a public authority has signed it: unset {trusted.name}",
        )
        yield subject.failure(_TRUST, f"{trusted.shown} {error}", *repair)


def _judge_own(variables: CertificateVariables, subject: Subject) -> Iterator[Finding]:
    """The pair by which the server knows the sender: each file, then both together."""
    certificate, key = variables.certificate, variables.key
    if not certificate.path and not key.path:
        return
    slips = [*_slips(variables, subject)]
    yield from slips
    if any(finding.verdict == "fail" for finding in slips):
        return
    try:
        ends_at = certificate_files.valid_until(certificate.path, key.path or certificate.path)
    except UnusableFile as error:
        yield subject.failure(_OWN, f"{certificate.shown} {error}", *_mended(str(error), key.name))
        return
    found = f"{certificate.shown} is valid until {ends_at:%Y-%m-%d %H:%M} UTC"
    is_short = ends_at - datetime.now(UTC) < _SOON
    yield subject.warning(_OWN, found, "have it renewed") if is_short else subject.ok(_OWN, found)


def _slips(variables: CertificateVariables, subject: Subject) -> Iterator[Finding]:
    """What is wrong with one file, or is missing beside it."""
    certificate, key = variables.certificate, variables.key
    if not certificate.path:
        found = f"{key.name} is set without {certificate.name}: some SDKs show no certificate, others do not start"
        yield subject.failure(_OWN, found, exported(certificate.name, "", _CERTIFICATE_PATH))
        return
    try:
        certificate_files.check_certificate(certificate.path)
    except UnusableFile as error:
        repair = exported(certificate.name, "", _CERTIFICATE_PATH)
        yield subject.failure(_OWN, f"{certificate.shown} {error}", repair)
        return
    if key.path:
        try:
            certificate_files.check_key(key.path)
        except UnusableFile as error:
            yield subject.failure(_OWN, f"{key.shown} {error}", *_mended(str(error), key.name, key.path))
    elif certificate_files.holds_key(certificate.path):
        found = f"{key.name} is not set; Python finds the key in the file of the certificate, others look nowhere else"
        yield subject.warning(_OWN, found, exported(key.name, certificate.path, _KEY_PATH))
    else:
        found = f"{certificate.name} is set without {key.name}, so it can not be shown to be yours"
        yield subject.failure(_OWN, found, exported(key.name, "", _KEY_PATH))


def _mended(slip: str, key_name: str, key_path: str = "") -> tuple[str, ...]:
    if "encrypted" in slip:
        path = quoted(key_path, _KEY_PATH)
        plain = "plain.key"
        return (f"(umask 077; openssl pkey -in {path} -out {plain})", exported(key_name, plain, _KEY_PATH))
    if "does not belong" in slip:
        own_first = "where the file holds a chain, its own certificate comes first"
        return (exported(key_name, "", _KEY_PATH), own_first)
    if "expired" in slip or "refused" in slip or "alone" in slip:
        return ("have another one made by whom the server trusts",)
    return (exported(key_name, "", _KEY_PATH),) if "clock" not in slip else ()


def _judge_in_grpc(variables: CertificateVariables, subject: Subject) -> Iterator[Finding]:
    """Python's exporter looks for the pair beside whom to trust, and at nothing else than that name's like."""
    trusted, certificate = variables.trusted, variables.certificate
    if not certificate.path:
        return
    start = OF_TRACES if certificate.name.startswith(OF_TRACES) else GENERAL
    if trusted.path and trusted.name.startswith(OF_TRACES) == (start == OF_TRACES):
        return
    name = f"{start}CERTIFICATE"
    found = f"over gRPC, Python shows {certificate.name} only where {name} is set too"
    yield subject.warning(_OWN, found, exported(name, trusted.path, CHAIN))


def _judge_bundle(variables: CertificateVariables, subject: Subject) -> Iterator[Finding]:
    """The package requests heeds such a variable before what its caller says."""
    trusted, bundle = variables.trusted, variables.bundle
    if trusted.path and bundle.path and bundle.path != trusted.path:
        found = f"{bundle.name} takes the place of {trusted.name} in Python's exporter over HTTP"
        yield subject.warning(_TRUST, found, f"unset {' '.join(_BUNDLES)}")
