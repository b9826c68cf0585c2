"""What a server says of the certificate of who sends (mTLS), as it breaks off TLS: by an alert, RFC 8446, 6.2.

In TLS 1.3 it says so after the handshake, which has gone well for the client by then.
"""

from __future__ import annotations

import re
import ssl

from bridge.diagnosis.certificate_variables import own_files
from bridge.diagnosis.finding import place_of
from bridge.diagnosis.target import Target

_ALERT = re.compile(r"ALERT_([A-Z_]+)")
_WANTED = frozenset({"CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN"})
_REFUSED = (
    frozenset(
        {
            "UNKNOWN_CA",
            "CERTIFICATE_EXPIRED",
            "CERTIFICATE_REVOKED",
            "UNSUPPORTED_CERTIFICATE",
            "ACCESS_DENIED",
        }
    )
    | _WANTED
)
_LEAST_S, _ROUND_TRIPS = 0.3, 3
"""How long an alert is waited for: it comes a round trip after the handshake, which takes one itself."""


def slip_in(words: str, target: Target) -> tuple[str, ...]:
    """What is found, and the repair, where an error's words hold such an alert; else nothing."""
    alert = _ALERT.search(words)
    name, place = alert[1] if alert else "", place_of(target.url)
    if target.files.has_certificate:
        return _refused(f"{place} does not take", target, name) if name in _REFUSED else ()
    if name in _WANTED:
        return _wanted(f"{place} wants a certificate from who sends (mTLS), and none is set", target)
    return _hung_up(f"{place} breaks off TLS", target) if name == "HANDSHAKE_FAILURE" else ()


def listen(secured: ssl.SSLSocket, handshake_s: float, target: Target) -> tuple[str, ...]:
    """Wait for what a server says at once; what is found, and the repair, where it hangs up without a word.

    Raises ssl.SSLError, if there is an alert.
    """
    secured.settimeout(max(_LEAST_S, _ROUND_TRIPS * handshake_s))
    try:
        is_open = secured.recv(1) != b""
    except TimeoutError:
        is_open = True
    except ConnectionError:
        is_open = False
    return (
        () if is_open else _hung_up(f"{place_of(target.url)} hangs up right after the TLS handshake", target)
    )


def _hung_up(found: str, target: Target) -> tuple[str, ...]:
    """Some servers give no reason."""
    if target.files.has_certificate:
        return _refused(f"{found}, as servers do that do not take", target)
    return _wanted(f"{found}, as servers do that want a certificate from who sends (mTLS)", target)


def _refused(found: str, target: Target, name: str = "") -> tuple[str, ...]:
    said = f": {name.lower().replace('_', ' ')}" if name else ""
    whose = f"the certificate that {target.files.certificate_variable} names"
    return f"{found} {whose}{said}", "have one made by an authority that this server trusts"


def _wanted(found: str, target: Target) -> tuple[str, ...]:
    if target.is_api:
        return found, "posts have none: set OTEL_EXPORTER_OTLP_ENDPOINT and send over OTLP"
    return found, *own_files()
