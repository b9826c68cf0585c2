"""Stripe's own mock of its API, built by `.ci/stripe-mock.sh`: checks requests against the API's description, and
answers with its fixtures. It remembers nothing."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
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
    on_loopback = [
        "-http-addr",
        "127.0.0.1:0",
        "-https-addr",
        "127.0.0.1:0",
    ]  # else it takes a port of every network
    command = [require_stripe_mock(), *on_loopback]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, b"")
        try:
            found = next((match for line in lines if (match := _LISTENING.search(line))), None)
            assert found, "stripe-mock did not start"
            # It tells of every request, and would wait for a reader.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield f"http://{found[1].decode()}"
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)
