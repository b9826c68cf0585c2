"""What is wrong with a store is found and named, with the file and the repair; real files, really broken."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import zstandard

from tests.bridge.conformance.test_store_faults import small_disk
from tests.viewer.keeping.whole import back_up, filled, findings, page_ids, unwatched
from viewer.store import durable
from viewer.store.check import Depth, check, repair
from viewer.store.check.findings import Findings

__all__ = ["small_disk"]

RESTORING = "`tracen backup --db BACKUP --force"


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def bodies_of(db: Path) -> Path:
    return Path(f"{db}-bodies")


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def overwrite(path: Path, at: int, size: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def test_whole_store_is_whole(tmp_path: Path) -> None:
    """At every depth, and its rows are counted."""
    store = filled(tmp_path / "a.db")
    for depth in Depth:
        report = check(store.path, depth, unwatched)
        assert report.findings == ()
        traces = {} if depth is Depth.QUICK else {"traces": 4}
        assert report.counts == {"accounts": 1, "pages": 4, "batches": 2, "posts": 1} | traces
        assert report.unchecked
        assert report.size_bytes > 50_000


def test_store_of_an_older_release_is_no_damage(tmp_path: Path) -> None:
    """Its files are checked, and what its rows say is not; a copy of it can be made before it is brought up to date."""
    store = filled(tmp_path / "a.db")
    execute(store.path, "delete from _sqlite_migrations where name = 'add_ends_of_keys_and_links'")
    report = check(store.path, Depth.ALL, unwatched)
    assert (report.findings, report.counts, report.is_older) == ((), {}, True)
    overwrite(store.path, 5 * 4096)
    assert "is damaged" in findings(store.path)[0].what


def test_check_changes_nothing(tmp_path: Path) -> None:
    """Not a byte of a file, nor of one that is broken."""
    store = filled(tmp_path / "a.db")
    overwrite(bodies_of(store.path), 3 * 16384)
    before = {path: path.read_bytes() for path in (store.path, bodies_of(store.path))}
    assert findings(store.path)
    assert {path: path.read_bytes() for path in before} == before


def test_missing_store_is_not_made(tmp_path: Path) -> None:
    """It is said to be missing."""
    assert [one.what for one in findings(tmp_path / "a.db")] == ["is missing", "is missing"]
    assert not list(tmp_path.iterdir())


# -- what nobody can look at ---------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, with a store that every user may read."""
    folder = Path(tempfile.mkdtemp(prefix="tracen-open-"))
    folder.chmod(0o755)
    for path in filled(folder / "a.db").path.parent.iterdir():
        path.chmod(0o644)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def another_user() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user")
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_store_that_is_locked_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could look; the repair is to wait, and nothing that replaces it."""
    monkeypatch.setattr(durable, "_BUSY_MS", 10)
    store = filled(tmp_path / "a.db")
    back_up(store.path, tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db-bodies", isolation_level=None)) as other:
        other.execute("begin exclusive")
        (found,) = findings(tmp_path / "b.db")
    assert (found.file, found.what) == (
        f"{tmp_path / 'b.db-bodies'}",
        "could not be looked at: database is locked",
    )
    assert found.is_unseen
    assert found.repair == "another program has it locked: wait for it, or end it; then check again"


@pytest.mark.parametrize("suffix", ["", "-bodies", "-search"])
def test_store_of_another_user_is_not_called_damaged(open_folder: Path, suffix: str) -> None:
    """What only its owner may read; root restores nothing over it for that."""
    Path(f"{open_folder / 'a.db'}{suffix}").chmod(0o600)
    with another_user():
        found = findings(open_folder / "a.db")
    assert [(one.file, one.is_unseen) for one in found] == [(f"{open_folder / 'a.db'}{suffix}", True)]
    assert "let this user read the file" in found[0].repair


def test_store_is_not_called_damaged_where_no_more_files_can_be_opened(tmp_path: Path) -> None:
    """As on a server that has used up its own."""
    store = filled(tmp_path / "a.db")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with store.path.open("rb") as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 2, limits[1]))
        try:
            found = findings(store.path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found
    assert all(one.is_unseen for one in found), found


def test_store_in_a_folder_that_is_only_to_be_read_is_checked(open_folder: Path) -> None:
    """One that was served, and stopped in order; nothing is made beside it."""
    (open_folder / "a.db-wal").touch()  # what somebody who read it leaves
    before = sorted(open_folder.iterdir())
    with another_user():
        assert not findings(open_folder / "a.db")
    assert sorted(open_folder.iterdir()) == before


def test_store_on_a_file_system_that_is_only_to_be_read_is_checked(tmp_path: Path, small_disk: Path) -> None:
    """As one on a medium."""
    for suffix in ("", "-bodies", "-search"):
        shutil.copy(f"{filled(tmp_path / 'a.db').path}{suffix}", small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert not findings(small_disk / "a.db")


def test_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    """It is no store, and nothing can be restored over it."""
    store = filled(tmp_path / "a.db")
    bodies_of(store.path).unlink()
    os.mkfifo(bodies_of(store.path))
    (found,) = findings(store.path)
    assert (found.what, found.repair.startswith("move it away")) == ("is no regular file", True)


_WITH_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from viewer.store.check import Depth, check
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for finding in check(Path(sys.argv[1]), Depth.ALL, lambda *told: None).findings:
    print(finding.is_unseen, finding.what)
"""


def test_too_little_memory_is_not_called_damage(tmp_path: Path) -> None:
    """A part of a document that may be large is not read then."""
    store = filled(tmp_path / "a.db")
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"[]")  # as long as may be
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("update document_parts set body = ? where id = 1", (frame,))
    told = subprocess.run(
        [sys.executable, "-c", _WITH_LITTLE_MEMORY, str(store.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.startswith("True could not be looked at"), told.stdout


# -- what is broken ------------------------------------------------------------------------------------

_BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "FILE is empty": (lambda db: cut(db, 0), "", "is empty"),
    "FILE is gone": (lambda db: db.unlink(), "", "is missing"),
    "bodies are empty": (lambda db: cut(bodies_of(db), 0), "-bodies", "is empty"),
    "bodies are gone": (lambda db: bodies_of(db).unlink(), "-bodies", "is missing"),
    "FILE is cut short": (lambda db: cut(db, 20_480), "", "was cut short: 20,480 of"),
    "bodies are cut short": (lambda db: cut(bodies_of(db), 40_000), "-bodies", "was cut short"),
    "FILE is cut in its header": (lambda db: cut(db, 50), "", "is no SQLite database"),
    "FILE is another file": (lambda db: db.write_text("Dear Ada, " * 500), "", "is no SQLite database"),
    "FILE's beginning is overwritten": (
        lambda db: overwrite(db, 0, 512),
        "",
        "its beginning was overwritten",
    ),
    "FILE's schema is overwritten": (lambda db: overwrite(db, 100, 3996), "", "malformed"),
    "a page of FILE is overwritten": (lambda db: overwrite(db, 5 * 4096), "", "is damaged"),
    "a page of the bodies is overwritten": (
        lambda db: overwrite(bodies_of(db), 3 * 16384, 16384),
        "-bodies",
        "is damaged",
    ),
    "FILE is of a newer release": (
        lambda db: execute(
            db,
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('tracen', 'of_the_future', '')",
        ),
        "",
        "was made by a newer Tracen (it has 'of_the_future')",
    ),
    "FILE is somebody else's": (
        lambda db: execute(db, "delete from _sqlite_migrations"),
        "",
        "is a database of another program",
    ),
    "bodies are of another store": (
        lambda db: execute(bodies_of(db), "update bodies_file set name = 'another'"),
        "-bodies",
        "does not belong to a.db",
    ),
}


@pytest.mark.parametrize("database", [False, True], ids=["a text", "another program's database"])
def test_file_that_never_was_a_store_is_left_alone(tmp_path: Path, database: bool) -> None:
    """Nothing of a store is beside it: no repair puts a backup in its place."""
    foreign = tmp_path / "notes.db"
    if database:
        execute(foreign, "create table notes (text)")
    else:
        foreign.write_text("Dear Ada, " * 50)
    (found,) = findings(foreign, Depth.QUICK)
    assert "is no store" in found.what
    assert "--force" not in found.repair
    assert "`--db`" in found.repair


@pytest.mark.parametrize("depth", [Depth.QUICK, Depth.ALL])
@pytest.mark.parametrize(("broken", "suffix", "words"), _BROKEN.values(), ids=list(_BROKEN))
def test_broken_file_is_named_with_its_repair(
    tmp_path: Path, broken: Callable[[Path], object], suffix: str, words: str, depth: Depth
) -> None:
    """The one that is broken, even in a quick check, and no other."""
    store = filled(tmp_path / "a.db")
    broken(store.path)
    found = findings(store.path, depth)
    assert {one.file for one in found} == {f"{store.path}{suffix}"}
    assert words in found[0].what
    assert found[0].repair


_WRONG: dict[str, tuple[str, str, str, str]] = {
    "page without account": (
        "",
        "update pages set account_id = 77 where rowid = 1",
        "belongs to no account",
        RESTORING,
    ),
    "key without account": ("", "update keys set account_id = 77", "belongs to one of accounts", RESTORING),
    "post without page": (
        "",
        "update posts set otel_trace_id = zeroblob(16)",
        "post 1 is on no page",
        RESTORING,
    ),
    "post that is cut": (
        "",
        "update posts set body = substr(body, 1, 20)",
        "post 1 can not be read",
        RESTORING,
    ),
    "document that is broken": (
        "",
        "update document_parts set body = x'00112233' where name = 'head'",
        "can not be read (ZstdError)",
        RESTORING,
    ),
    "document that lost a part": (
        "",
        "delete from document_parts where name = 'outline'",
        "has lost a part",
        RESTORING,
    ),
    "document of a deleted page": (
        "",
        "update pages set deleted_ns = 1 where rowid = 1",
        "is of a page that is deleted",
        RESTORING,
    ),
    "batch that is cut": (
        "-bodies",
        "update batches set body = substr(body, 1, 20) where id = 1",
        "is not as long as it was",
        RESTORING,
    ),
    "batch that is overwritten": (
        "-bodies",
        "update batches set body = cast(replace(body, '{', 'x') as blob) where id = 1",
        "batch 1 can not be read (UndecodableBody)",
        RESTORING,
    ),
    "piece that is overwritten": (
        "-bodies",
        "update pieces set body = x'00' where id = 1",
        "piece 1 can not be read",
        RESTORING,
    ),
    "piece without batch": ("-bodies", "update pieces set batch_id = 99", "belongs to no batch", RESTORING),
    "batch of an account that is not there": (
        "-bodies",
        "update batches set account_id = 77 where id = 1",
        "belongs to no account",
        RESTORING,
    ),
    "batch of no trace": (
        "-bodies",
        "update batches set otel_trace_ids = x'0011' where id = 1",
        "does not tell of which traces it is",
        RESTORING,
    ),
    "bodies that are older than FILE": (
        "-bodies",
        "delete from batches where id = 1",
        "shows is gone",
        "delete it again; where a.db-bodies is older than a.db, stop the server",
    ),
}


@pytest.mark.parametrize(("suffix", "statement", "words", "repair"), _WRONG.values(), ids=list(_WRONG))
def test_rows_and_contents_that_are_wrong_are_named(
    tmp_path: Path, suffix: str, statement: str, words: str, repair: str
) -> None:
    """In files that SQLite finds whole: so a quick check says nothing of them."""
    store = filled(tmp_path / "a.db")
    execute(Path(f"{store.path}{suffix}"), statement)
    found = [one for one in findings(store.path) if words in one.what]
    assert found, findings(store.path)
    assert {one.file for one in found} == {f"{store.path}{suffix}"}
    assert repair in found[0].repair
    if not statement.startswith("update keys"):
        assert not findings(store.path, Depth.QUICK)


def test_index_that_lost_a_row_is_named(tmp_path: Path) -> None:
    """And the way to have it made anew, which works; one that leads nowhere is named as well."""
    store = filled(tmp_path / "a.db")
    execute(store.path, "insert into marks values ('indexed', 2)")
    (found,) = [one for one in findings(store.path) if "index" in one.what and "batch 1" in one.what]
    assert found.what == "1 of 1 traces of batch 1 are not in the index"
    assert "--repair`" in found.repair
    report = repair(store.path, Depth.ALL, unwatched)
    assert not report.findings
    assert "the index of 2 of the batches: each start makes that anew" in report.unchecked
    assert page_ids(store.path) == {page.id for page in store.pages}
    execute(store.path, "insert into trace_index values (1, 5, 1), (1, 5, 9)")
    assert [one.what for one in findings(store.path)] == [
        "batch 1 is gone, or has lost 1 of its traces, though a.db knows of it",
        "batch 9 is gone, or has lost 1 of its traces, though a.db knows of it",
    ]


def test_lists_that_are_broken_can_be_made_anew(tmp_path: Path) -> None:
    """FILE-search is no loss: the repair is to remove it; one that is missing, or of another release, is no finding."""
    store = filled(tmp_path / "a.db")
    search = Path(f"{store.path}-search")
    whole = search.read_bytes()
    overwrite(search, 3 * 4096, 8192)
    (found,) = findings(store.path)
    assert (found.file, "--repair`" in found.repair) == (str(search), True)
    assert not repair(store.path, Depth.ALL, unwatched).findings
    assert not search.exists()
    search.write_bytes(b"no database at all")
    assert "not a database" in findings(store.path)[0].what
    search.write_bytes(whole)
    execute(search, "delete from _sqlite_migrations")
    assert not findings(store.path)
    search.unlink()
    assert not findings(store.path)


def test_backup_cut_short_is_put_right(tmp_path: Path) -> None:
    """It is named as what it is; the repair puts back what was there."""
    store = filled(tmp_path / "a.db")
    store.path.rename(tmp_path / "a.db.backup-replaced")
    (found,) = findings(store.path)
    assert "a backup was cut short" in found.what
    assert f"`tracen check --db {store.path} --repair`" in found.repair
    assert not repair(store.path, Depth.ALL, unwatched).findings
    assert page_ids(store.path) == {page.id for page in store.pages}


def test_what_is_wrong_many_times_is_told_a_few_times(tmp_path: Path) -> None:
    """And counted."""
    told = Findings(tmp_path / "a.db")
    for number in range(1_234):
        told.damaged(tmp_path / "a.db", f"batch {number} is bad", "batches: bad")
    lines = [one.what for one in told.all()]
    assert lines[0] == "batch 0 is bad"
    assert lines[-1] == "batches: bad: 1,229 more"
    assert len(lines) == 6


def test_damage_is_told_with_the_path_as_a_shell_takes_it(tmp_path: Path) -> None:
    """A folder may have a space in its name."""
    folder = tmp_path / "my traces"
    folder.mkdir()
    store = filled(folder / "a.db")
    cut(store.path, 0)
    assert f"--force '{store.path}'" in findings(store.path)[0].repair
