"""What is looked at on this machine: a server that runs here, the files of its store, versions. Nothing is written."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bridge import presence
from bridge.console import bytes_told
from bridge.diagnosis.command_line import STORE, quoted
from bridge.diagnosis.environment import grpc_url, is_at
from bridge.diagnosis.finding import Finding, Subject, place_of, port_of
from bridge.diagnosis.network import sent_here
from bridge.diagnosis.target import Meant, Target
from bridge.presence import Doors
from bridge.secrecy import shown
from viewer.store.base import StoreError
from viewer.store.people import Key

_MB = 10**6
_SCARCE_BYTES, _NONE_BYTES = 500 * _MB, 8 * _MB
_MENDED_SQLITE = (3, 51, 3)
_OLDEST_SDK = (1, 30)
_PACKAGES = (
    ("tracen-otel", "tracen-otel"),
    ("opentelemetry-sdk", "SDK"),
    ("opentelemetry-exporter-otlp-proto-http", "OTLP/HTTP exporter"),
    ("opentelemetry-exporter-otlp-proto-grpc", "OTLP/gRPC exporter"),
    ("protobuf", "protobuf"),
    ("grpcio", "grpcio"),
)


class Machine:
    """The one we run on, with the store that `--db` names. `is_chosen`: it was named, and is not the default."""

    def __init__(self, db: str, *, is_chosen: bool) -> None:
        self.db = db if "://" in db else os.path.expanduser(db)
        self._is_chosen = is_chosen
        self._subject = Subject("This machine")
        self.doors, self.untold = _doors_of(self.db)
        """Of the server that has the store; why they can not be told, "" where they are, or where none has it."""

    @property
    def start(self) -> str:
        """The command that starts a server on the store."""
        is_named = (
            self._is_chosen and "://" not in self.db
        )  # a URL may hold a password, and stays in TRACEN_DB
        return f"tracen serve --db {quoted(self.db, STORE)}" if is_named else "tracen serve"

    def judge(self, meant: Meant) -> Iterator[Finding]:
        """Where Tracen runs, whether its store can be written, versions."""
        asked = (*meant.otlp, *([meant.api] if meant.api else []))
        if self.doors:
            yield self._judged_presence(self.doors, asked)
        is_local = any(target.is_local for target in asked)
        is_here = self.doors is not None or self._is_chosen or (is_local and os.path.exists(self.db))
        if is_here and "://" not in self.db:
            yield from self._judge_store(Path(self.db))
        yield self._judged_versions(is_here)

    def judge_absence(self, usual: Target) -> Finding:
        """Nothing is where a server is by default, and nobody has said that it is elsewhere."""
        place = place_of(usual.url)
        found = f"no Tracen runs here: no server has the store, and nothing listens at {place}"
        run = "or, for one program, `tracen run -- COMMAND`, which needs no key and no variable"
        absent = Subject("Tracen")  # a heading of its own: this machine is judged after the environment
        return absent.failure("running", found, self.start, "its first start prints a key", run)

    def judge_secrecy(self) -> Finding:
        """No key goes to the usual address while the server of the store is somewhere else."""
        return self._subject.failure(
            "running", self.untold, "name the server with --endpoint, or start it anew"
        )

    def why_refused(self, secret: str, api: Target) -> str:
        """What the store here knows of a key that its own server refused; "" where another server has refused it."""
        if self.doors is None or not is_at(api, self.doors):
            return ""
        try:
            key = _key_in(self.db, secret)
        except (OSError, StoreError):  # of another user, or being moved
            return ""
        if key is None:
            return "this server has never had such a key: is it that of another one?"
        return "it was revoked" if key.revoked else "it has expired"

    def _judged_presence(self, doors: Doors, asked: tuple[Target, ...]) -> Finding:
        local = [target for target in asked if target.is_local]
        elsewhere = [
            target for target in local if target.port not in _ports_of(doors)
        ]  # a wrong door tells itself
        if not elsewhere:
            return self._subject.ok("running", f"Tracen runs at {doors.http}")
        places = ", ".join(dict.fromkeys(place_of(target.url) for target in elsewhere))
        line_by_variable = {
            line.partition("=")[0]: line for line in (sent_here(target, doors) for target in elsewhere)
        }
        found = f"Tracen runs at {doors.http}, the environment points at {places}"
        return self._subject.warning("running", found, *line_by_variable.values())

    def _judge_store(self, db: Path) -> Iterator[Finding]:
        subject, name = self._subject, shown(str(db))
        if not os.path.exists(db):
            found = f"there is no store {name}" if self._is_chosen else "no store yet"
            yield subject.warning("store", found, self.start)
            return
        locked = _unwritable(db)
        if locked is None:
            yield self._judged_room(db)
        elif _is_ours(locked):
            yield subject.failure("store", f"{shown(str(locked))} can not be written", _rights(locked))
        elif self.doors is None:
            found = f"{shown(str(locked))} belongs to another user, as whom `tracen serve` has to run"
            yield subject.warning("store", found, f"ls -l {quoted(str(locked), STORE)}")
        else:
            yield subject.ok("store", f"{name}, of another user, as whom Tracen runs")

    def _judged_room(self, db: Path) -> Finding:
        try:
            told = os.statvfs(db.parent)
        except OSError as error:
            return self._subject.failure("store", f"{shown(str(db))}: {error.strerror}")
        free_bytes = told.f_bavail * told.f_frsize
        found = f"{shown(str(db))}, {bytes_told(free_bytes)} are free"
        repair = "make room on that disk, or set --retention for traces that nobody looks at"
        if free_bytes < _NONE_BYTES:
            return self._subject.failure("store", f"the disk is full: {found}", repair)
        if free_bytes < _SCARCE_BYTES:
            return self._subject.warning("store", f"the disk is nearly full: {found}", repair)
        return self._subject.ok("store", found)

    def _judged_versions(self, is_store_here: bool) -> Finding:
        versions = {label: found for package, label in _PACKAGES if (found := _version(package))}
        told = ", ".join(
            f"{label} {number}" for label, number in {**versions, "Python": platform.python_version()}.items()
        )
        sdk = versions.get("SDK", "")
        if _numbers(sdk) < _OLDEST_SDK:
            return self._subject.warning(
                "versions", f"{told}; Tracen needs an SDK from 1.30 on", "pip install -U opentelemetry-sdk"
            )
        remark = []
        if is_store_here:
            told += f", SQLite {sqlite3.sqlite_version}"
            if sqlite3.sqlite_version_info < _MENDED_SQLITE:
                remark.append("SQLite before 3.51.3: let nothing but Tracen write the store's files")
        return self._subject.ok("versions", told, *remark)


def _doors_of(db: str) -> tuple[Doors | None, str]:
    if "://" in db:
        return None, ""
    try:
        return presence.look(db), ""
    except presence.Untold as untold:
        return None, str(untold)
    except (ValueError, RuntimeError):  # no name of a file; ~USER of a user that there is not
        return None, ""


def _ports_of(doors: Doors) -> set[int]:
    return {port_of(url) for url in (doors.http, grpc_url(doors), doors.otlp_http)}


def _key_in(db: str, secret: str) -> Key | None:
    """The key as a store has it, asked beside its server. Raises OSError and StoreError."""
    from bridge.console import run
    from viewer.keys import sha256_of
    from viewer.store.engines import open_store

    async def find() -> Key | None:
        store = open_store(db, exclusive=False)
        try:
            return await store.accounts.key(sha256_of(secret))
        finally:
            await store.close()

    return run(find())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split(".")[:2]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts) if text else (99,)


def _unwritable(db: Path) -> Path | None:
    """The first of a store's files, or its folder, that nobody may write, or not we; root may, so modes count too."""
    files = [Path(f"{db}{suffix}") for suffix in ("", "-bodies", "-search")]
    for path in (db.parent, *(file for file in files if os.path.exists(file))):
        if not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222:
            return path
    return None


def _is_ours(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _rights(path: Path) -> str:
    try:
        is_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        is_read_only = False
    if is_read_only:
        return "its disk is mounted for reading alone; mount it anew, or give --db another"
    return f"chmod u+w {quoted(str(path), STORE)}"
