"""Certificates for tests, made when they run: one that is years old would fail the tests one day."""

from __future__ import annotations

import os
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

EXPIRED = ("20200101000000Z", "20200102000000Z")


@dataclass(frozen=True, slots=True)
class Pair:
    """A self-signed certificate of 127.0.0.1 and its key, in PEM files."""

    cert: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        return "--tls-cert", str(self.cert), "--tls-key", str(self.key)

    def trusting(self) -> ssl.SSLContext:
        """What a client uses that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.cert))

    def replace(self, other: Pair) -> None:
        """Move another pair to the place of this one, as certificate managers do."""
        os.replace(other.cert, self.cert)
        os.replace(other.key, self.key)


def make_pair(folder: Path, name: str, valid: tuple[str, str] | None = None) -> Pair:
    """Make a pair valid for two days, or from and to the given times."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    subject = ["-subj", f"/O={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(pair.key)]
    if valid is None:
        _openssl("req", "-x509", *key, *subject, "-days", "2", "-out", str(pair.cert))
        return pair
    request, database = folder / f"{name}.csr", folder / f"{name}.index"
    database.touch()
    config = folder / f"{name}.cnf"
    config.write_text(
        f"[ca]\ndefault_ca = d\n[d]\ndatabase = {database}\nnew_certs_dir = {folder}\nrand_serial = yes\n"
        "default_md = sha256\npolicy = p\ncopy_extensions = copy\n[p]\norganizationName = supplied\n"
    )
    _openssl("req", "-new", *key, *subject, "-out", str(request))
    times = ["-startdate", valid[0], "-enddate", valid[1]]
    signing = ["-selfsign", "-keyfile", str(pair.key), "-in", str(request), "-out", str(pair.cert)]
    _openssl("ca", "-batch", "-notext", "-config", str(config), *times, *signing)
    return pair


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
