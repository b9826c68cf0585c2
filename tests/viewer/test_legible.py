"""Text that hides something is shown for what it is."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, strategies as st
from markupsafe import Markup, escape

from viewer.legible import Piece, joined, legible, one_line, shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", 'a<span class="escape">␀</span>b'),
        ("\x1b[31m", '<span class="escape">␛</span>[31m'),
        ("\x7f", '<span class="escape">␡</span>'),
        ("\x85", '<span class="escape">\\x85</span>'),
        ("\u202egnp.exe", '<span class="escape">\\u202e</span>gnp.exe'),
        ("\u2066", '<span class="escape">\\u2066</span>'),
        ("\ud800", '<span class="escape">\\ud800</span>'),
        ("a\rb", 'a<span class="escape">␍</span>b'),
        ("hi\U000e0041\U000e0042", 'hi<span class="escape">\\U000e0041\\U000e0042</span>'),
        ("<b>\x00", '&lt;b&gt;<span class="escape">␀</span>'),
    ],
)
def test_legible_spells_what_hides(text: str, shown: str) -> None:
    """Control characters, bidi overrides, surrogates, invisible letters are visible; all is escaped."""
    assert escape(legible(text)) == shown


@pytest.mark.parametrize("text", ["a\n\tb", "שלום مرحبا", "👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "ภาษา\u200bไทย", "\u200fא"])
def test_legible_leaves_ordinary_text_alone(text: str) -> None:
    """Line breaks, right-to-left scripts, joined emoji and flags are nobody's trick."""
    assert legible(text) == text


def test_legible_keeps_windows_line_ends() -> None:
    """CR LF stays CR LF for whoever copies the text, and reads as one line break."""
    assert escape(legible("a\r\nb")) == "a&#13;\nb"


def test_legible_lets_markup_and_numbers_pass() -> None:
    """What a template made itself is not escaped again."""
    assert legible(Markup("<i>\x00</i>")) == "<i>\x00</i>"
    assert legible(7) == 7


@given(st.text())
def test_legible_changes_nothing_else(text: str) -> None:
    """Without the visible escapes the page holds just what was sent, and no other markup."""
    shown = str(escape(legible(text)))
    shown.encode("utf-8")
    rest = re.sub('<span class="escape">[^<]*</span>', "", shown)
    assert "<" not in rest
    kept = html.unescape(rest).replace("\r", "")
    assert kept == "".join(c for c in text if escape(legible(c)) == escape(c)).replace("\r", "")


@given(st.text(st.characters() | st.sampled_from("\0\t\n\r\u202e<>&'\"")))
def test_shown_is_legible_and_escaped(text: str) -> None:
    """The fast way to HTML leads where the thorough one does."""
    assert html.unescape(shown(text)) == html.unescape(str(escape(legible(text))))
    assert not re.search("[<>\"']", re.sub('<span class="escape">[^<]*</span>', "", shown(text)))


@given(st.lists(st.tuples(st.text(), st.text(st.sampled_from("a<\0\n\u202e"))), max_size=5))
def test_piece_filled_many_times_is_the_piece_filled_once_and_again(rows: list[tuple[str, str]]) -> None:
    """Texts that are looked at together come out as each by itself, whatever separates them."""
    piece = Piece("<b>{}</b><i>{}</i>")
    together = piece.each([text for row in rows for text in row])
    assert escape(together) == escape(joined(piece(*row) for row in rows))
    assert escape(together) == "".join(f"<b>{shown(b)}</b><i>{shown(i)}</i>" for b, i in rows)


def test_piece_escapes_all_but_pieces() -> None:
    """What fills a gap is text, however much it looks like markup or like a gap."""
    inner = Piece("<i>{}</i>")("{}<u>")
    assert escape(Piece("<p>{}{}</p>")("<b>{}&", inner)) == "<p>&lt;b&gt;{}&amp;<i>{}&lt;u&gt;</i></p>"


@given(st.text(), st.integers(2, 50))
def test_one_line_is_short_and_plain(text: str, limit: int) -> None:
    """Titles are one line of at most so many characters, without any that hide."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert legible(line) == line
    assert "\n" not in line
