"""OTEL_EXPORTER_OTLP_HEADERS as SDKs read it: name=value pairs apart by commas, percent-encoded (W3C Baggage).

Nothing that is found here repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from bridge.diagnosis.command_line import KEY, new_key, sent_key
from bridge.diagnosis.finding import Finding, Subject, hint
from bridge.diagnosis.key_text import slip_in
from viewer.keys import PREFIX

GENERAL, OF_TRACES = "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}")
_CHECK = "OTLP headers"


@dataclass(frozen=True, slots=True)
class HeaderVariable:
    """What a variable says. `name` is that of the one that holds; `headers` are decoded, in lower case."""

    name: str
    text: str
    headers: Mapping[str, str]

    @property
    def secret(self) -> str:
        """The key as the server would read it."""
        if key := self.headers.get("x-tracen-key", ""):
            return key.strip()
        scheme, _, secret = self.headers.get("authorization", "").partition(" ")
        return secret.strip() if scheme.lower() == "bearer" else ""


def read(environ: Mapping[str, str]) -> HeaderVariable:
    """The headers that traces are sent with; those of all signals count only where traces have none of their own."""
    name = OF_TRACES if environ.get(OF_TRACES, "").strip() else GENERAL
    text = environ.get(name, "").strip()
    return HeaderVariable(name, text, dict(_pairs(_unquoted(text))))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for piece in text.split(","):
        name, equals, value = piece.strip().partition("=")
        name, value = unquote(name).strip().lower(), unquote(value).strip()
        if equals and _TOKEN.fullmatch(name) and value.isascii() and value.isprintable():
            yield name, value


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if is_quoted else text


def repair_of(variable: HeaderVariable, key: str, store: str) -> tuple[str, ...]:
    """The lines that put a key into the headers, beside others that are right.

    `key`: what TRACEN_KEY holds; `store`: the file of the server that is asked, where that is here.
    """
    is_kept = bool(variable.headers) and "authorization" not in variable.headers and not variable.secret
    is_kept = is_kept and PREFIX not in variable.text and not _slip_in_form(variable)
    if key and not slip_in(key):
        return (sent_key(variable.name, kept=is_kept),)
    if PREFIX in variable.text or not store:
        return (sent_key(variable.name, KEY, kept=is_kept),)
    make, _, elsewhere = new_key(store, variable.name)
    return (make, sent_key(variable.name, kept=is_kept), elsewhere)


def judge(
    variable: HeaderVariable, environ: Mapping[str, str], repair: tuple[str, ...], subject: Subject
) -> Iterator[Finding]:
    """What is wrong with the headers, or whose key they hold. `repair` puts a key into them."""
    slip = slip_of(variable, environ)
    if slip:
        yield subject.failure(_CHECK, f"{variable.name} {slip}", *repair)
        return
    if not variable.secret:
        how = "has no key" if variable.text else "is not set, so no key is sent"
        yield subject.warning(
            _CHECK, f"{variable.name} {how}: enough for a Collector in between, not for Tracen", *repair
        )
        return
    found = f"key {hint(variable.secret)} in {variable.name}"
    if re.search(r"=\s*bearer +\S", variable.text, re.IGNORECASE):
        found = f"{variable.name} has a space that is not encoded as %20; some SDKs drop the header"
        yield subject.warning(_CHECK, found, *repair)
        return
    yield subject.ok(_CHECK, found)


def slip_of(variable: HeaderVariable, environ: Mapping[str, str]) -> str:
    """What keeps the headers, or the key in them, from being right; "" where they are, or where no key was meant."""
    return _slip_in_form(variable) or _slip_in_key(variable, environ)


def _slip_in_form(variable: HeaderVariable) -> str:
    text = variable.text
    if text != _unquoted(text):
        return "has quotes around it, which are taken as part of it"
    for number, piece in enumerate(filter(None, (piece.strip() for piece in text.split(","))), 1):
        name, equals, value = piece.partition("=")
        if not equals:
            return (
                "is written with a colon; it takes name=value"
                if ":" in piece
                else f"has no `=` in pair {number}"
            )
        if not _TOKEN.fullmatch(unquote(name).strip()):
            return f"has a name in pair {number} that no header has"
        if not (unquote(value).isascii() and unquote(value).strip().isprintable()):
            return f"has a value in pair {number} that no header may have"
    return ""


def _slip_in_key(variable: HeaderVariable, environ: Mapping[str, str]) -> str:
    headers = variable.headers
    if "x-tracen-key" in headers:
        if ";" in headers["x-tracen-key"]:
            return "has pairs apart by `;`, which is taken as part of the key; they are apart by commas"
        slip = slip_in(headers["x-tracen-key"])
        return f"has a key that {slip}" if slip else ""
    if "authorization" in headers:
        return _slip_in_bearer(headers["authorization"])
    for name, value in headers.items():
        if PREFIX in value and PREFIX not in name:
            return f"has the key under `{name}`, which Tracen does not read"
    if variable.name == OF_TRACES and PREFIX in environ.get(GENERAL, ""):
        return f"has no key, and replaces {GENERAL}, which has one"
    return ""


def _slip_in_bearer(value: str) -> str:
    scheme, _, secret = value.partition(" ")
    if scheme.lower() == "bearer":
        slip = slip_in(secret.strip())
        return f"has a key that {slip}" if slip else ""
    if value.lower().startswith("bearer"):
        return "has `Bearer` and the key not apart by one space: %20 is how a space is written here"
    if value.startswith(PREFIX):
        return "has the key under `authorization` without `Bearer%20` before it"
    return "has another login under `authorization` than Bearer and a key"
