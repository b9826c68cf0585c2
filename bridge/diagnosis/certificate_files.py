"""Files of certificates and keys in PEM: what keeps them from being used, told without what a key says.

Reads no variables. A certificate of one's own is tried on ourselves, as a server would look at it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

_MAX_BYTES = 1024 * 1024
_CERTIFICATE, _KEY = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"
_EXPIRED, _NOT_YET_VALID, _WRONG_PURPOSE = 10, 9, 26  # X509_V_ERR_…


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """What a sender goes through TLS with; paths, "" where it has none. `key_file` is of `certificate_file`.

    `ca_variable` and `certificate_variable` name the first two.
    """

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    ca_variable: str = ""
    certificate_variable: str = ""

    @property
    def has_certificate(self) -> bool:
        """Whether the sender shows a certificate of its own."""
        return bool(self.certificate_file and self.key_file)

    def context(self) -> ssl.SSLContext:
        """What Python's clients make of it. Raises OSError, of which ssl.SSLError is one."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.has_certificate:
            context.load_cert_chain(self.certificate_file, self.key_file, password=_no_password)
        return context


class UnusableFile(Exception):
    """A file can not be used; the message says what is wrong, after its name."""


def bytes_of(path: str) -> bytes:
    """What is in a file. Raises UnusableFile."""
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        why = f"can not be read: {getattr(error, 'strerror', None) or 'no path'}"
        raise UnusableFile(f"{why}; the ~ is taken as it is" if path.startswith("~") else why) from None


def check_trusted(path: str) -> None:
    """Raise UnusableFile for what can be no list of whom to trust."""
    content = bytes_of(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise UnusableFile(_no_certificate(content)) from None
    except (OSError, ValueError) as error:
        raise UnusableFile(f"can not be read: {getattr(error, 'strerror', None) or 'no path'}") from None


def check_certificate(path: str) -> None:
    """Raise UnusableFile for what holds no certificate."""
    content = bytes_of(path)
    if _CERTIFICATE not in content:
        raise UnusableFile(_no_certificate(content))


def check_key(path: str) -> None:
    """Raise UnusableFile for what holds no private key, or one that asks for a password."""
    content = bytes_of(path)
    if _KEY not in content:
        held = "a certificate, and no private key" if _CERTIFICATE in content else "no private key in PEM"
        raise UnusableFile(f"holds {held}")
    if b"ENCRYPTED" in content:
        raise UnusableFile("is encrypted, and there is no variable for its password")


def holds_key(path: str) -> bool:
    """Whether the file of a certificate has its key in it as well."""
    return _KEY in bytes_of(path)


def valid_until(certificate_file: str, key_file: str) -> datetime:
    """Show the pair to ourselves; until when servers take it. Raises UnusableFile, also where they do not."""
    try:
        told = _shown(certificate_file, key_file).getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        reasons = {
            _EXPIRED: "has expired",
            _NOT_YET_VALID: "is not valid yet; is the clock of this machine right?",
            _WRONG_PURPOSE: "is one for servers alone, not for clients",
        }
        raise UnusableFile(reasons.get(error.verify_code, f"is refused: {error.verify_message}")) from None
    except (OSError, ValueError) as error:
        if isinstance(error, ssl.SSLError) and error.reason in (None, "PEM_LIB"):
            raise UnusableFile("can not be used with its key, one of them is damaged") from None
        raise UnusableFile("does not belong to the key") from None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)


def _shown(certificate_file: str, key_file: str) -> ssl.SSLObject:
    """The server's side of a handshake in memory, with a client that has this certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.load_cert_chain(certificate_file, key_file, password=_no_password)
    server.load_verify_locations(certificate_file)
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # who has signed it is not asked
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):  # in TLS 1.3 all is said then
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return theirs


def _no_certificate(content: bytes) -> str:
    return f"holds {'a private key, and no certificate' if _KEY in content else 'no certificate in PEM'}"


def _no_password() -> str:
    """Instead of a question on the terminal, for which nobody waits."""
    return ""
