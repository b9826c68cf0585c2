"""Presidio as a redaction hook, where it is installed; without it, what its absence says."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from tracen_otel.model import Span
from tracen_otel.presidio import presidio_hook
from tracen_otel.redact import Redaction

IS_INSTALLED = find_spec("presidio_analyzer") is not None
TEXT = "Mail ada@example.com, call +1 212 555 0187, pay to DE89370400440532013000: Ada"


@pytest.mark.skipif(not IS_INSTALLED, reason="presidio-analyzer is not installed (extra `presidio`)")
@pytest.mark.filterwarnings("ignore")  # of its many dependencies
def test_presidio_masks_what_its_patterns_tell() -> None:
    """Addresses, phone numbers and accounts are masked without a language model, and JSON in a text stays JSON."""
    redaction = Redaction(presidio_hook())

    span = redaction.span(
        Span("a" * 32, "b" * 16, "chat", attributes={"input.value": TEXT, "model": "gpt-5"})
    )

    assert span.attributes == {
        "input.value": "Mail [masked: email address], call [masked: phone number], pay to [masked: iban code]: Ada",
        "model": "gpt-5",
    }
    assert span.masked == 1
    assert redaction.span(span) is span


@pytest.mark.skipif(not IS_INSTALLED, reason="presidio-analyzer is not installed (extra `presidio`)")
@pytest.mark.filterwarnings("ignore")
def test_presidio_masks_what_is_asked_for() -> None:
    """Of all that it knows, the entities that are named are masked."""
    hook = presidio_hook(entities=["EMAIL_ADDRESS"])

    assert hook(TEXT) == TEXT.replace("ada@example.com", "[masked: email address]")


def test_presidio_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it without having it is told what to install."""
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(ImportError, match=r"pip install 'tracen-otel\[presidio\]'"):
        presidio_hook()
