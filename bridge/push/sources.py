"""What somebody names in order to send it: a file, a trace of this machine's store, a page of a server elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge import presence
from bridge.push import elsewhere
from bridge.push.files import STDIN, Files
from bridge.push.found import Found, Unusable
from bridge.push.stored import StoredTraces
from tracen_otel.endpoint import normal_url
from tracen_otel.redact import Redaction

_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URL = re.compile(r"https?://", re.IGNORECASE)


class WrongSource(Exception):
    """What was named can not be sent, in words; nothing was sent yet."""


@dataclass(frozen=True, slots=True)
class Sources:
    """`stored` are ids of one store's traces, `pages` URLs of other servers', `files` all else."""

    files: tuple[str, ...]
    stored: tuple[str, ...]
    pages: tuple[str, ...]

    def found(self, stored: StoredTraces, redaction: Redaction) -> Iterator[Found | Unusable]:
        """Yield what there is, each read when it is asked for; traces of spans come last."""
        yield from map(stored.read, self.stored)
        yield from (elsewhere.read(url, redaction) for url in self.pages)
        files = Files(redaction)
        for name in self.files:
            try:
                yield from files.read(name)
            except OSError as error:
                yield Unusable(name, error.strerror or str(error))
        yield from files.traces()


def sources_of(names: Iterable[str], db: str, endpoint: str) -> Sources:
    """Tell what is named. Raises WrongSource for what is not there, and for what `endpoint` has already."""
    doors = presence.find(db)
    ours = {doors.http, doors.base_url} if doors else set()
    files, stored, pages = [], [], []
    for name in names:
        if _URL.match(name):
            page = elsewhere.page_in(name)
            if page is None:
                raise WrongSource(
                    f"expected the URL of a page, such as https://traces.example/traces/…, got {name[:200]!r}"
                )
            if normal_url(page[0]) == endpoint:
                raise WrongSource(f"{name[:200]!r} is there already")
            if page[0] in ours:
                stored.append(page[1])
            else:
                pages.append(name)
        elif _ID.fullmatch(name) and not _exists(name):
            stored.append(name)
        else:
            _check_file(name)
            files.append(name)
    if stored:
        _check_store(db, endpoint, ours)
    return Sources(tuple(files), tuple(stored), tuple(pages))


def _check_file(name: str) -> None:
    if name != STDIN and not _exists(name):
        raise WrongSource(f"there is no file {name[:200]!r}, and it is no trace id, nor the URL of a page")
    if name != STDIN and Path(name).is_dir():
        raise WrongSource(f"{name[:200]!r} is a folder; name its files")


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # longer than a name can be
        return False


def _check_store(db: str, endpoint: str, ours: set[str]) -> None:
    if "://" not in db and not Path(db).expanduser().exists():
        raise WrongSource(f"there is no store {db}; --db names the one that has the trace")
    if endpoint in ours:
        raise WrongSource(f"{endpoint} is the server of {db}: the trace is there already")
