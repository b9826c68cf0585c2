"""The variables of Tracen's own exporter. One that makes no sense is a warning there, and a default holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from bridge.diagnosis.finding import Finding, Subject
from bridge.secrecy import shown
from tracen_otel.settings import checked_bool, checked_folder, checked_only, checked_seconds

_CHECK_BY_NAME: Mapping[str, Callable[..., object]] = {
    "TRACEN_ONLY": checked_only,
    "TRACEN_WAIT": checked_seconds("wait", zero=True),
    "TRACEN_TIMEOUT": checked_seconds("timeout"),
    "TRACEN_SHUTDOWN_TIMEOUT": checked_seconds("shutdown_timeout", zero=True),
    "TRACEN_REDACT": checked_bool("redact"),
    "TRACEN_CAPTURE_CONTENT": checked_bool("capture_content"),
    "TRACEN_EXTENDED": checked_bool("extended"),
    "TRACEN_SPOOL_DIR": checked_folder,
}


def judge(environ: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    """Tell of each that is not used."""
    for name, check in _CHECK_BY_NAME.items():
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            check(text)
        except ValueError as error:
            yield subject.warning("exporter", f"{name} is not used: {shown(str(error))}", f"unset {name}")
    folder = environ.get("TRACEN_SPOOL_DIR", "").strip()
    if folder and os.path.exists(folder) and not _may_be_filled(folder):
        found = f"TRACEN_SPOOL_DIR={shown(folder)} is no folder that can be written, so nothing is kept there"
        yield subject.warning("exporter", found, "unset TRACEN_SPOOL_DIR")


def _may_be_filled(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
