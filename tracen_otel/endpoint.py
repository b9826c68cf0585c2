"""Where Tracen is and with which key: checked when they are given. Light, as every program that exports imports it."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def checked_endpoint(endpoint: str) -> str:
    """Answer `endpoint` in its normal form, see `normal_url`. Raises ValueError where it is no http or https URL."""
    if not isinstance(endpoint, str):
        raise ValueError(
            f"endpoint: expected a URL such as http://127.0.0.1:8000, got a {type(endpoint).__name__}"
        )
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        usable = False
    if not usable or not endpoint.isprintable() or " " in endpoint:
        shown = endpoint.rpartition("@")[2][:80]  # not what may be a password
        raise ValueError(f"endpoint: expected a URL such as http://127.0.0.1:8000, got {shown!r}")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("endpoint: expected a URL without user name, password, ? and #; the key is `key`")
    return normal_url(endpoint)


def normal_url(endpoint: str) -> str:
    """One form of the start of a server's URLs, however it was written: same host, same port, same path.

    Scheme and host in lower case, no port where it is the scheme's own, no slash at the end.
    """
    try:
        parts = urlsplit(endpoint.strip())
        port = parts.port
    except ValueError:  # nothing that it could be the same as
        return endpoint
    host = (parts.hostname or "").removesuffix(".")
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(parts.scheme):
        place = f"{place}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def is_loopback(endpoint: str) -> bool:
    """Tell whether an endpoint is on this machine, where bytes cost less than packing them."""
    from ipaddress import ip_address

    host = urlsplit(endpoint).hostname or ""
    try:
        return bool(ip_address(host).is_loopback)
    except ValueError:
        return host == "localhost"


def checked_key(key: str) -> str:
    """Answer `key` stripped. Raises ValueError, which does not hold the key, for what fits no header."""
    if not isinstance(key, str):
        raise ValueError(f"key: expected a Tracen key such as tracen_sk_…, got a {type(key).__name__}")
    stripped = key.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable():
        raise ValueError(f"key: expected a Tracen key such as tracen_sk_…, got {len(key)} other characters")
    return stripped
