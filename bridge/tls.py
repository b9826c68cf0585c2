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
        self.context, self._pair = self._load()
        """For the HTTP ports. It hands each handshake on to the newest, so that a renewal is whole or not at all."""
        self._newest = self.context
        self.context.sni_callback = self._hand_on  # called without SNI as well
        self._is_complained_of = False

    def _hand_on(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest

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
            self._newest, self._pair = self._load()
        except TlsUnusable as error:
            if not self._is_complained_of:
                logger.warning("the old certificate is kept: %s", error)
            self._is_complained_of = True
            return
        self._stamp = stamp
        self._is_complained_of = False
        logger.info("a new certificate was taken up: %s", self._cert_file)

    def _load(self) -> tuple[ssl.SSLContext, tuple[bytes, bytes]]:
        """Read the pair as a context and as (key, certificate), once it is known to be one and valid now."""
        pair = _read(self._key_file), _read(self._cert_file)
        for text, mark, file in (
            (pair[1], b"-----BEGIN CERTIFICATE-----", f"--tls-cert {self._cert_file}: no certificate in PEM"),
            (pair[0], b"PRIVATE KEY-----", f"--tls-key {self._key_file}: no private key in PEM"),
        ):
            if mark not in text:
                raise TlsUnusable(file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        files = f"--tls-cert {self._cert_file}, --tls-key {self._key_file}"
        try:
            context.load_cert_chain(self._cert_file, self._key_file, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise TlsUnusable(f"{files}: {_reason(error)}") from None
        if (_read(self._key_file), _read(self._cert_file)) != pair:
            raise TlsUnusable(f"{files}: they changed while they were read")
        _check_dates(context, self._cert_file)
        return context, pair

    def _stamps(self) -> _Stamp:
        found = []
        for path in (self._cert_file, self._key_file):
            try:
                status = path.stat()
            except OSError as error:
                raise TlsUnusable(f"{path}: {error.strerror}") from None
            found += [status.st_mtime_ns, status.st_ino]
        return found[0], found[1], found[2], found[3]


_MISMATCHES = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        is_mismatch = error.reason in _MISMATCHES
        return "the key does not belong to the certificate" if is_mismatch else f"damaged ({error.strerror})"
    return str(error)


_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_… of OpenSSL


def _check_dates(context: ssl.SSLContext, cert_file: Path) -> None:
    """Shake hands with ourselves: `ssl` has no other public way to hear that a certificate has expired."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(cert_file)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
                raise TlsUnusable(f"--tls-cert {cert_file}: {error.verify_message}") from None


def _no_password() -> str:
    raise ValueError("the key is encrypted; give one without a password")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsUnusable(f"{path}: {error.strerror}") from None
