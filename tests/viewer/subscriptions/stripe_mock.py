"""Stripe's own mock of its API, built by `.ci/stripe-mock.sh`: checks requests against the API's description, and
answers with its fixtures. It remembers nothing."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STOP_TIMEOUT_S = 10
_LISTENING = re.compile(rb"Listening for HTTP at address: (127\.0\.0\.1:\d+)")


def require_stripe_mock() -> str:
    """The mock to test with: TRACEN_STRIPE_MOCK, else the built one; without one skip, and in CI fail."""
    found = os.environ.get("TRACEN_STRIPE_MOCK") or str(Path(sys.executable).with_name("stripe-mock"))
    if Path(found).exists():
        return found
    reason = "needs stripe-mock: `make stripe-mock` builds it, with Go; TRACEN_STRIPE_MOCK can name one"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def running_stripe_mock() -> Iterator[str]:
    """The mock's address for the length of a block."""
    command = [require_stripe_mock(), "-http-addr", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        told = b""
        for line in process.stdout:  # it ends where the mock does
            told += line
            if found := _LISTENING.search(line):
                yield f"http://{found[1].decode()}"
                return
        raise AssertionError(f"stripe-mock did not start: {told.decode(errors='replace')}")
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(STOP_TIMEOUT_S)
