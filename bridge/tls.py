"""TLS of all three ports from one pair of files, taken up anew when they change: certificates live for weeks."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import grpc

logger = logging.getLogger("tracen.tls")

CHECK_EVERY_S = 2.0

_Stamp = tuple[int, int, int, int]


class TlsUnusable(OSError):
    """Certificate and key can not be used; the message says which and why."""


class Certificate:
    """A certificate chain and its private key, in files that are replaced from time to time.

    Connections that are open keep what they began with.
    """

    def __init__(self, cert_file: str, key_file: str) -> None:
        """Read both. Raises TlsUnusable."""
        self._cert_file, self._key_file = Path(cert_file), Path(key_file)
        self._stamp = self._stamps()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """For the HTTP ports; it is renewed in place."""
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pair = self._load()
        self._is_complained_of = False

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For the gRPC port; asked anew at every handshake."""
        given = self._pair

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            if self._pair is given:
                return None
            given = self._pair
            return grpc.ssl_server_certificate_configuration([given])

        first = grpc.ssl_server_certificate_configuration([given])
        return grpc.dynamic_ssl_server_credentials(first, fetch)

    async def keep_fresh(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            self.renew()

    def renew(self) -> None:
        """Take up changed files. Where they can not be used (half written), what was there stays."""
        try:
            stamp = self._stamps()
            if stamp == self._stamp:
                return
            self._pair = self._load()
        except TlsUnusable as error:
            if not self._is_complained_of:
                logger.warning("the old certificate is kept: %s", error)
            self._is_complained_of = True
            return
        self._stamp = stamp
        self._is_complained_of = False
        logger.info("a new certificate was taken up: %s", self._cert_file)

    def _load(self) -> tuple[bytes, bytes]:
        """Load the pair into the context, once it is known to be one; returns (key, certificate)."""
        pair = _read(self._key_file), _read(self._cert_file)
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            try:
                context.load_cert_chain(self._cert_file, self._key_file, password=_no_password)
            except (ssl.SSLError, ValueError) as error:
                reason = getattr(error, "reason", None) or str(error)
                files = f"--tls-cert {self._cert_file}, --tls-key {self._key_file}"
                raise TlsUnusable(f"{files}: {_WORDS_BY_REASON.get(reason, reason)}") from None
        return pair

    def _stamps(self) -> _Stamp:
        found = []
        for path in (self._cert_file, self._key_file):
            try:
                status = path.stat()
            except OSError as error:
                raise TlsUnusable(f"{path}: {error.strerror}") from None
            found += [status.st_mtime_ns, status.st_ino]
        return found[0], found[1], found[2], found[3]


_WORDS_BY_REASON = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "NO_START_LINE": "no certificate or key in PEM",
    "PEM_LIB": "no certificate or key in PEM",
}


def _no_password() -> str:
    raise ValueError("the key is encrypted; give one without a password")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsUnusable(f"{path}: {error.strerror}") from None
