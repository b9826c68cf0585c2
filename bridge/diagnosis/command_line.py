"""Repairs as lines that a shell takes as they stand: quoted, never cut; what can not be written is a placeholder."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from bridge.secrecy import has_key

ADDRESS = "http://HOST:PORT"
CHAIN = "PATH-OF-YOUR-CHAIN"
STORE = "FILE-OF-THE-STORE"
KEY = "YOUR-KEY"
_NEW_KEY = "tracen keys create --account local@tracen"


def quoted(text: str, placeholder: str) -> str:
    """A word of a command line; the placeholder for what could not be copied from a terminal, or must not be told."""
    if not text or has_key(text):
        return placeholder
    try:
        text.encode()
    except UnicodeEncodeError:
        return placeholder
    return shlex.quote(text) if text.isprintable() else placeholder


def exported(variable: str, value: str, placeholder: str = ADDRESS) -> str:
    """The line that sets a variable."""
    return f"export {variable}={quoted(value, placeholder)}"


def plain_url(text: str) -> str:
    """The URL that was meant, without user, query and fragment; "" where none can be made out."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    is_usable = (
        parts.scheme in ("http", "https") and host and "@" not in parts.path and not set("$%{}") & set(host)
    )
    if not is_usable or port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        return ""
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{f':{port}' if port else ''}{parts.path}"


def new_key(store: str, headers: str = "") -> tuple[str, ...]:
    """How a key is had. `store`: the file of the server that was asked, "" where that is not here.

    Made in another store it would be refused as well. `headers`: the variable that has to hold it too.
    """
    elsewhere = "copy a new one from /app/settings of the server"
    if not store:
        set_there = (f"and set it: {sent_key(headers, KEY)}",) if headers else ()
        return (elsewhere, f"or make one on its machine, for its store: {_NEW_KEY} --db {STORE}", *set_there)
    make = f"export TRACEN_KEY=$({_NEW_KEY} --db {quoted(store, STORE)})"
    return (make, *([sent_key(headers)] if headers else []), f"or {elsewhere}")


def sent_key(headers: str, key: str = "$TRACEN_KEY", *, kept: bool = False) -> str:
    """The line that puts a key into a variable of headers. `kept`: beside what it holds so far."""
    so_far = f'"${headers}",' if kept else ""
    return f"export {headers}={so_far}x-tracen-key={key}"
