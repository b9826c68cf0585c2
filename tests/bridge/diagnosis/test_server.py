"""A server that can be reached, and all the same takes nothing: its key, its limit, its disk, its clock."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from bridge.diagnosis.finding import Verdict
from tests.bridge.conformance.test_store_faults import small_disk
from tests.bridge.diagnosis.clinic import (
    HEADERS,
    STRANGE_KEY,
    Examined,
    add_key,
    examine,
    over_grpc,
    over_http,
)
from tests.processes import TracenProcess, running_tracen
from tests.viewer.samples import PLAIN
from viewer.store.people import Scope

__all__ = ["small_disk"]

POST = "/api/traces"


def asked(tracen: TracenProcess, key: str) -> httpx2.Client:
    return httpx2.Client(base_url=tracen.http, headers={"x-tracen-key": key}, trust_env=False, timeout=60)


def with_posts(tracen: TracenProcess, key: str, **more: object) -> Examined:
    """The set-up of who posts, and has the server on this machine."""
    return examine({}, endpoint=tracen.http, key=key, db=str(tracen.db), **more)  # type: ignore[arg-type]


# -- keys ----------------------------------------------------------------------------------------------


def test_revoked_key_is_told_from_an_unknown_one_where_the_store_is_here(tracen: TracenProcess) -> None:
    """The server says the same of both, so that nobody learns anything by trying; a new key is made in its store."""
    revoked = with_posts(tracen, add_key(tracen, is_revoked=True))
    make = f"export TRACEN_KEY=$(tracen keys create --account local@tracen --db {tracen.db})"
    revoked.failed("key", "it was revoked", make)
    unknown = with_posts(tracen, STRANGE_KEY)
    unknown.failed("key", "this server has never had such a key", make)
    for examined in (revoked, unknown):
        assert [one.check for one in examined.findings if one.verdict is Verdict.SKIPPED] == [
            "POST", "gRPC", "HTTP protobuf", "HTTP JSON",
        ]  # fmt: skip


def test_key_that_is_refused_from_afar_is_told_in_the_words_of_the_server(tracen: TracenProcess) -> None:
    """Over OTLP alone as well, where the API is not known."""
    revoked = add_key(tracen, is_revoked=True)
    posting = examine({}, endpoint=tracen.http, key=revoked)
    posting.failed("key", "the key is unknown, expired or revoked", "from /app/settings")
    grpc = examine(over_grpc(f"http://{tracen.otlp_grpc}", revoked))
    grpc.failed("gRPC", "the key is unknown, expired or revoked", "from /app/settings")
    for examined in (posting, grpc):
        assert "export TRACEN_KEY" not in repr(examined)


def test_key_that_may_only_read_is_named(tracen: TracenProcess) -> None:
    key = add_key(tracen, Scope.READ)
    examined = with_posts(tracen, key)
    examined.failed("key", "may read and not write: it can send nothing", "/app/settings")
    assert examined.of("POST", Verdict.SKIPPED).found == "not tried: the key may not write"
    over = examine(over_http(tracen.otlp_http, key))
    over.failed("HTTP protobuf", "may not write", "/app/settings")


def test_key_that_may_only_write_leaves_one_page_and_says_so(tracen: TracenProcess) -> None:
    """Every door is well; the page is one for all of them."""
    key = add_key(tracen, Scope.WRITE)
    examined = with_posts(tracen, key)
    examined.warned(
        "test page", "one page called 'tracen doctor' stays, as this key may not delete", "/traces/"
    )
    url = examined.of("test page").repair[0]
    with asked(tracen, key) as client:
        page = client.get(f"{url}.md")
    assert page.status_code == 200
    assert page.text.startswith("# tracen doctor\n")


def test_key_that_is_not_sent_is_named_at_the_door(tracen: TracenProcess) -> None:
    """With the variable that sends it; TRACEN_KEY alone does nothing for OTLP."""
    key = add_key(tracen)
    so_far = f'"${HEADERS}",'
    for variables, door, kept in (
        (over_http(tracen.otlp_http, "") | {HEADERS: "x-team=search"}, "HTTP protobuf", so_far),
        (over_grpc(f"http://{tracen.otlp_grpc}", "") | {HEADERS: ""}, "gRPC", ""),
    ):
        examined = examine(variables, endpoint=tracen.http, key=key)
        examined.failed(door, "no key is sent", f"export {HEADERS}={kept}x-tracen-key=$TRACEN_KEY")
        assert examined.of("POST").verdict is Verdict.OK


def test_subscription_that_is_missing_is_named(tmp_path: Path) -> None:
    """Posts need one, OTLP does not."""
    with running_tracen(tmp_path / "t.db", "--require-subscription") as tracen:
        examined = with_posts(tracen, add_key(tracen))
    examined.failed("POST", "402: ", "/app/subscription")
    assert examined.of("gRPC").verdict is examined.of("HTTP JSON").verdict is Verdict.OK


def test_keys_of_otlp_and_of_posts_are_both_looked_at(tracen: TracenProcess) -> None:
    """They may be of two accounts, and one of them may be wrong."""
    good, revoked = add_key(tracen), add_key(tracen, is_revoked=True)
    variables = over_http(tracen.otlp_http, revoked)
    examined = examine(variables, endpoint=tracen.http, key=good, db=str(tracen.db))
    examined.failed("key", "it was revoked")
    assert examined.of("POST").verdict is Verdict.OK
    assert examined.of("HTTP protobuf").verdict is Verdict.SKIPPED


# -- limit and history ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracenProcess]:
    """A server that takes two posts an hour."""
    with running_tracen(tmp_path_factory.mktemp("narrow") / "t.db", "--requests-per-hour", "2") as tracen:
        yield tracen


def test_limit_that_is_used_up_is_told_with_its_end(narrow: TracenProcess) -> None:
    """No post is tried then; OTLP, which is not counted, is well."""
    key = add_key(narrow)
    first = with_posts(narrow, key)
    assert first.verdicts == {Verdict.OK}
    assert first.of("limit").found == "2 of 2 posts are left in this hour"
    assert first.of("POST").found.endswith("it counts as 1 of 2 in this hour")
    with asked(narrow, key) as client:
        assert client.post(POST, json=PLAIN).status_code == 200
    examined = with_posts(narrow, key)
    examined.failed("limit", "used up: no post of 2 is left until ", "send over OTLP")
    assert examined.of("POST").found == "not tried: the limit is used up"
    assert examined.of("gRPC").verdict is examined.of("HTTP JSON").verdict is Verdict.OK


def test_post_is_left_out_where_that_is_wished(narrow: TracenProcess) -> None:
    """Nothing is counted then."""
    key = add_key(narrow)
    examined = with_posts(narrow, key, posts=False)
    assert examined.of("POST").found == "left out, as --no-post says"
    with_posts(narrow, key, posts=False)
    assert with_posts(narrow, key, posts=False).of("limit").found.startswith("2 of 2")


def test_refused_requests_of_the_key_are_read_back(tracen: TracenProcess) -> None:
    """With when and why, and no more than three; those of doctor itself are none of them."""
    key = add_key(tracen)
    with asked(tracen, key) as client:
        assert client.post(POST, json=PLAIN).status_code == 200
        assert client.post(POST, content=b"x", headers={"content-type": "text/plain"}).status_code == 415
        for _ in range(3):
            assert client.post(POST, json={"prompt": "\x1b[31m"}).status_code == 422
    examined = with_posts(tracen, key)
    history = examined.of("requests", Verdict.WARNING)
    assert history.found == "4 of the last 5 were refused, or taken in part"
    assert len(history.repair) == 3
    assert "post 422 invalid_payload" in history.repair[0]
    assert "\x1b" not in repr(history.repair[0])
    assert with_posts(tracen, key).of("requests").found == history.found


# -- disk, clock, name ---------------------------------------------------------------------------------


def fill(folder: Path) -> None:
    """Take what room there is."""
    with (folder / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def test_full_disk_is_named_beside_the_server_and_from_afar(small_disk: Path) -> None:
    with running_tracen(small_disk / "t.db") as tracen:
        fill(small_disk)
        here = with_posts(tracen, tracen.key)
        afar = examine({}, endpoint=tracen.http, key=tracen.key)
        (small_disk / "filling").unlink()
    here.failed("store", "the disk is full: ", "make room on that disk")
    afar.failed("Tracen", "can not write: its disk is full, or busy", "make room")


def test_store_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """The file that it is of, with the command that helps; and a store that is not there."""
    db = tmp_path / "t.db"
    missing = examine({}, db=str(db), is_db_chosen=True, endpoint="http://127.0.0.1:9", key=STRANGE_KEY)
    assert missing.of("store", Verdict.WARNING).repair == (f"tracen serve --db {db}",)
    with running_tracen(db):
        pass
    bodies = Path(f"{db}-bodies")
    bodies.chmod(0o444)
    examined = examine({}, db=str(db), is_db_chosen=True, endpoint="http://127.0.0.1:9", key=STRANGE_KEY)
    examined.failed("store", f"{bodies} can not be written", f"chmod u+w {bodies}")


def test_store_of_another_user_is_no_failure(tmp_path: Path) -> None:
    """Its server runs as that user; a command of ours can not tell more."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to give a file away")
    db = tmp_path / "t.db"
    db.touch(0o444)
    os.chown(db, 65534, 65534)
    examined = examine({}, db=str(db), is_db_chosen=True, endpoint="http://127.0.0.1:9", key=STRANGE_KEY)
    assert "belongs to another user" in examined.of("store", Verdict.WARNING).found


@pytest.mark.parametrize("db", ["~nobody-of-that-name/t.db", "postgresql://u:secret@a/b", "a\0b", ""])
def test_store_that_can_be_none_is_no_crash(db: str) -> None:
    """What is meant for a server is not looked at here."""
    examined = examine({}, db=db, is_db_chosen=True, endpoint="http://127.0.0.1:9", key=STRANGE_KEY)
    examined.failed("port", "nothing listens")
    assert "secret" not in repr(examined)


@pytest.mark.parametrize(("seconds", "way"), [(-95, r"9\d s behind"), (7205, r"7,20\d s ahead of")])
def test_clock_that_is_wrong_is_a_warning(tracen: TracenProcess, seconds: int, way: str) -> None:
    """Held against the Date of an answer."""
    key = add_key(tracen)
    examined = with_posts(tracen, key, clock_ns=lambda: time.time_ns() + seconds * 10**9)
    clock = examined.of("clock", Verdict.WARNING)
    assert re.match(f"this machine is {way} the server; ", clock.found)
    assert "timedatectl" in clock.repair[0]


def test_page_that_is_private_is_as_good(tracen: TracenProcess) -> None:
    """What comes over OTLP may begin so; a key that may read sees it."""
    examined = with_posts(tracen, add_key(tracen, is_private=True), posts=False)
    assert examined.verdicts == {Verdict.OK, Verdict.SKIPPED}
    writing = with_posts(tracen, add_key(tracen, Scope.WRITE, is_private=True), posts=False)
    assert writing.of("HTTP JSON").found == "sent, and it has a private page"
