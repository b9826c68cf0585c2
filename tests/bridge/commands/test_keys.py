"""`tracen keys …` as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EMAIL = "ada@team.example"


def run(db: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `tracen keys …` to its end; nobody answers its questions."""
    command = [sys.executable, "-m", "bridge", "keys", *arguments, "--db", str(db)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def listed(db: Path) -> list[list[str]]:
    return [line.split("\t") for line in run(db, "list").stdout.splitlines()]


def test_keys_are_listed_and_revoked(tmp_path: Path) -> None:
    """By beginning, by the whole of it and by id; the secret is in no list, and nothing is done unasked."""
    db = tmp_path / "t.db"
    secrets = [
        run(db, "create", "--account", EMAIL, "--label", label).stdout.strip() for label in ("a", "b", "")
    ]
    rows = listed(db)
    assert [row[2] for row in rows] == ["-", "b", "a"]
    assert {(row[0], row[3], row[5], row[6]) for row in rows} == {(EMAIL, "read,write", "-", "valid")}
    told = [json.loads(line) for line in run(db, "list", "--json", "--account", EMAIL).stdout.splitlines()]
    assert [one["key"] for one in told] == [row[1] for row in rows]
    assert all(one["is_valid"] and one["last_used_at"] is None for one in told)
    asked = run(db, "revoke", secrets[0][:14])
    assert (asked.returncode, len(listed(db))) == (1, 3)
    for name in (secrets[0][:14], secrets[1], told[0]["id"]):
        done = run(db, "revoke", name, "--yes")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert not any(secret in done.stderr for secret in secrets)
    assert [row[6] for row in listed(db)] == ["revoked"] * 3
    again = run(db, "revoke", secrets[0], "--yes")
    assert (again.returncode, "revoked already" in again.stderr) == (1, True)


@pytest.mark.parametrize("name", ["tracen_sk_", "tracen_sk_0000", "nonsense", "tracen_sk_" + "0" * 36])
def test_key_that_is_not_there_is_not_revoked(tmp_path: Path, name: str) -> None:
    """Exit code 1, and what was given is not repeated: it may be a whole key."""
    db = tmp_path / "t.db"
    run(db, "create", "--account", EMAIL)
    done = run(db, "revoke", name, "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(("tracen: there is no such key", "tracen: expected tracen_sk_"))
    assert len(listed(db)) == 1
