"""The start of a server's URLs: one form, however it was written."""

from __future__ import annotations

import pytest

from tracen_otel.endpoint import checked_endpoint, normal_url


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("HTTP://Traces.Example", "http://traces.example"),
        ("http://traces.example:80/", "http://traces.example"),
        ("https://traces.example.:443//", "https://traces.example"),
        ("https://traces.example:80/Team/", "https://traces.example:80/Team"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("HTTP://[FE80::1]:80", "http://[fe80::1]"),
    ],
)
def test_endpoint_has_one_form(written: str, expected: str) -> None:
    """Case, the scheme's own port and slashes at the end mean nothing; a path is kept as it is."""
    assert checked_endpoint(written) == normal_url(written) == expected
    assert normal_url(expected) == expected


def test_what_is_no_url_is_left_as_it_is() -> None:
    """For comparing alone: it is refused where it is given."""
    assert normal_url("http://traces.example:port") == "http://traces.example:port"
