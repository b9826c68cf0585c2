"""Static files: small, self-contained, and legible in every light."""

from __future__ import annotations

import gzip
import hashlib
import re

import pytest

from tests.viewer.markup import page_of
from tracen_otel.model import Trace
from viewer.pages import STATIC

MAX_STATIC_BYTES = 60_000


def test_static_files_are_small() -> None:
    """Styles and scripts together stay within their budget, compressed."""
    files = [path for path in STATIC.iterdir() if path.suffix in (".css", ".js")]
    assert files
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= MAX_STATIC_BYTES


def test_static_urls_change_with_their_content() -> None:
    """A browser may keep a file for ever, because another content has another address."""
    digest = hashlib.sha256((STATIC / "tracen.css").read_bytes()).hexdigest()[:12]
    assert page_of(Trace()).all("link", rel="stylesheet", href=f"/static/tracen.css?v={digest}")


def test_stylesheet_loads_nothing() -> None:
    """No font, image or import: what the page needs is the page and its stylesheet."""
    css = (STATIC / "tracen.css").read_text()
    assert not re.search(r"url\(|@import|@font-face|https?:", css)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


_TEXT_ON = [
    *((ink, ground) for ink in ("ink", "soft", "faint", "accent") for ground in ("paper", "sheet", "tint")),
    *((hue, f"{hue}-tint") for hue in ("good", "bad", "odd")),
    *(("ink", f"{hue}-tint") for hue in ("bad", "odd")),
    *(("bad", ground) for ground in ("sheet", "tint")),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme: str) -> None:
    """WCAG 2.2 AA in light and dark: 4.5 for text on every ground it stands on, 3 for bars and icons."""
    css = (STATIC / "tracen.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    for ink, ground in _TEXT_ON:
        assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for hue in (name for name in colours if name.startswith("hue-")):
        assert _contrast(colours[hue], colours["sheet"]) >= 3, hue
        assert _contrast(colours[hue], colours["tint"]) >= 3, hue
