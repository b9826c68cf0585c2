"""The preview image: what it shows, and that no text or number breaks it."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from tests.viewer.samples import HOSTILE, TRICKY
from tracen_otel.model import StepKind
from viewer.preview import lettering, typefaces
from viewer.preview.drawing import HEIGHT, MARGIN, WIDTH, PreviewBar, PreviewCard, draw
from viewer.preview.lettering import Style, fit, is_rtl, is_telling, measure, spell, wrap

PAPER = (251, 250, 248)
BAD, GOOD_TINT, LLM, TOOL = (179, 38, 30), (230, 244, 234), (79, 88, 214), (180, 83, 9)
STYLE = Style(34, typefaces.REGULAR, "#000000")
ZALGO = "Z" + "\u0315\u0321\u0489\u0e49" * 5_000

BARS = (
    PreviewBar("agent", 0.0, 1.0, 0, False),
    PreviewBar("llm", 0.0, 0.25, 1, False),
    PreviewBar("tool", 0.5, 0.5, 1, False),
)
CARD = PreviewCard(
    "Plan a weekend in Lisbon.",
    False,
    ("gpt-4.1", "9.21 s", "2,943 in", "498 out", "3 steps"),
    "Saturday: MAAT. Sunday: Champalimaud.",
    BARS,
    3,
)
HOSTILE_TEXTS = {
    "markup": HOSTILE,
    "tricky": TRICKY,
    "empty": "",
    "blank": " \n\t\u00a0\u2028 ",
    "controls": "\x00\x1b[2J\x7f\x85" * 100,
    "surrogates": "a\ud800\udfff" * 50,
    "private": "\ue000\U000f0000\U0010ffff\uffff" * 50,
    "zalgo": ZALGO,
    "marks": "\u0301" * 10_000,
    "joined": "\u200d".join("👩" * 500),
    "flags": "🇵" * 301,
    "keycaps": "\ufe0f1\u20e3" * 300,
    "wide": "\ufdfd\U0001242b" * 300,
    "stacked": "\u0fb2" * 300 + "க்ஷ" * 300,
    "right to left": "שלום (2,943) GPT עולם " * 20,
    "arabic": "يوم السبت MAAT ٢٣ " * 20,
    "overrides": "\u202e\u2066\u202b" * 100 + "gnp.exe",
    "chinese": "周六上午参观博物馆。" * 30,
    "korean": "주말 계획을 " * 30 + "\u1112\u1161\u11ab" * 100,
    "devanagari": "लिस्बन में सप्ताहांत " * 30,
    "emoji": "🎉👩‍👩‍👧‍👦✈️🇵🇹👍🏽❤️1️⃣" * 20,
    "one word": "W" * 5_000,
    "long": "word " * 2_000_000,
    "spaces": " " * 10_000_000 + "end",
}


def picture(card: PreviewCard) -> Image.Image:
    return Image.open(io.BytesIO(draw(card))).convert("RGB")


def is_near(pixel: object, colour: tuple[int, int, int]) -> bool:
    """A palette may shift a colour a little."""
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= 6 for a, b in zip(pixel, colour, strict=True))


def count_of(image: Image.Image, colour: tuple[int, int, int]) -> int:
    pixels = image.getcolors(WIDTH * HEIGHT)
    assert pixels is not None
    return sum(number for number, pixel in pixels if is_near(pixel, colour))


def pill(image: Image.Image) -> Image.Image:
    return image.crop((WIDTH // 2, 0, WIDTH, 130))


def margin_is_clear(image: Image.Image) -> bool:
    outer = image.copy()
    outer.paste(PAPER, (MARGIN - 2, 50, WIDTH - MARGIN + 2, HEIGHT - MARGIN + 22))
    return count_of(outer, PAPER) == WIDTH * HEIGHT


def spelled(text: str, limit: int = 200) -> str:
    return "".join(cluster.text for cluster in spell(text, limit))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any font of its own."""
    monkeypatch.setattr(typefaces, "_system_faces", lambda: ())
    monkeypatch.setattr(lettering, "face_of", typefaces.face_of.__wrapped__)


def test_picture_is_a_png_of_the_size_that_previews_want() -> None:
    """Slack, X and LinkedIn take 1200 × 630 without cropping."""
    data = draw(CARD)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert Image.open(io.BytesIO(data)).size == (WIDTH, HEIGHT) == (1200, 630)


def test_picture_is_small() -> None:
    """WhatsApp and others give up on what takes long to load."""
    assert len(draw(CARD)) < 60_000
    assert len(draw(replace(CARD, title=HOSTILE_TEXTS["chinese"], message=HOSTILE_TEXTS["emoji"]))) < 60_000


def test_same_card_gives_the_same_bytes() -> None:
    """So the picture can be cached by what it shows."""
    assert draw(CARD) == draw(replace(CARD, bars=tuple(BARS)))


def test_status_is_red_when_the_run_failed_and_green_when_not() -> None:
    """The pill can be told from afar."""
    good, bad = pill(picture(CARD)), pill(picture(replace(CARD, is_failed=True)))
    assert count_of(bad, BAD) > 3_000
    assert count_of(good, BAD) == 0
    assert count_of(good, GOOD_TINT) > 3_000


def test_bars_lie_where_told_in_the_colour_of_their_kind() -> None:
    """The axis spans the picture between its margins."""
    image = picture(CARD)
    found = {}
    for name, colour in (("llm", LLM), ("tool", TOOL)):
        places = [
            x
            for x in range(WIDTH)
            if sum(is_near(image.getpixel((x, y)), colour) for y in range(330, 520)) > 4
        ]
        found[name] = (min(places), max(places))
    room = WIDTH - 2 * MARGIN
    assert found["llm"] == pytest.approx((MARGIN, MARGIN + room / 4), abs=9)
    assert found["tool"] == pytest.approx((MARGIN + room / 2, WIDTH - MARGIN), abs=9)


def test_failed_step_is_red() -> None:
    """Whatever its kind."""
    failed = replace(CARD, bars=(*BARS[:2], replace(BARS[2], is_failed=True)))
    assert count_of(picture(failed), BAD) > 3_000
    assert count_of(picture(CARD), BAD) == 0


@pytest.mark.parametrize("kind", [*StepKind, "unheard of", ""])
def test_every_kind_has_a_colour(kind: str) -> None:
    """A kind of tomorrow is drawn plainly."""
    assert draw(replace(CARD, bars=(PreviewBar(kind, 0.1, 0.2, 1, False),)))


def test_one_failure_among_thousands_of_steps_is_seen() -> None:
    """What is left out is what tells least."""
    bars = [PreviewBar("llm", at / 5000, 1 / 5000, 1, at == 3210) for at in range(5000)]
    card = replace(CARD, bars=tuple(bars), step_count=5000)
    assert count_of(picture(card), BAD) > 50


def test_run_of_thousands_of_steps_keeps_its_shape() -> None:
    """Steps one after another are a staircase over the whole axis, in as many bars as fit."""
    bars = tuple(PreviewBar("llm", at / 5000, 1 / 5000, 1, False) for at in range(5000))
    image = picture(replace(CARD, bars=bars, step_count=5000))
    pale = (208, 210, 239)
    stairs = [
        next(y for y in range(320, 520) if is_near(image.getpixel((x, y)), pale))
        for x in range(MARGIN + 140, WIDTH - MARGIN, 80)
        if any(is_near(image.getpixel((x, y)), pale) for y in range(320, 520))
    ]
    assert len(stairs) > 9
    assert stairs == sorted(stairs)
    assert stairs[-1] - stairs[0] > 80


def test_numbers_out_of_range_do_not_leave_the_axis() -> None:
    """Clocks differ, and floats can be anything."""
    odd = [float("nan"), float("inf"), float("-inf"), -3.0, 0.999999, 7.0, 1e308]
    bars = tuple(PreviewBar("tool", x, width, -(10**9), True) for x in odd for width in odd)
    for some in (bars[:1], bars[5:9], bars):
        assert margin_is_clear(picture(replace(CARD, bars=some, step_count=10**5000)))


def test_card_without_anything_is_still_a_picture() -> None:
    """No title, facts, message or bars."""
    assert margin_is_clear(picture(PreviewCard("", True, (), "", (), 0)))


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=list(HOSTILE_TEXTS))
def test_no_text_breaks_the_picture_or_leaves_it(text: str) -> None:
    """Nothing is painted in the margin, whatever the text."""
    card = PreviewCard(text, True, (text, "7 steps", text, *[text] * 50), text, BARS, 3)
    data = draw(card)
    assert margin_is_clear(Image.open(io.BytesIO(data)).convert("RGB"))
    assert data == draw(card)


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_any_text_can_be_drawn(text: str) -> None:
    """Surrogates included."""
    assert margin_is_clear(picture(PreviewCard(text, False, (text,), text, BARS, 3)))


@pytest.mark.parametrize("name", ["zalgo", "long", "one word", "overrides", "right to left", "joined"])
def test_hostile_text_costs_a_small_multiple_of_an_ordinary_one(name: str) -> None:
    """Text is cut before it is looked at."""
    text = HOSTILE_TEXTS[name]
    costs = {}
    for label, card in (
        ("plain", CARD),
        ("hostile", replace(CARD, title=text, message=text, facts=(text,) * 9)),
    ):
        draw(card)  # fonts are loaded by the first
        start = time.process_time()
        for _ in range(3):
            draw(card)
        costs[label] = time.process_time() - start
    assert costs["hostile"] < 15 * costs["plain"]


def test_text_is_one_line_without_controls() -> None:
    """What hides or reorders is left out."""
    assert spelled("a\nb\t\tc\x00\x1b\u202e\ufeff d  ") == "a b c d"
    assert spelled(" \n") == ""


def test_marks_on_a_letter_are_few() -> None:
    """Three serve every script; a pile serves only to overflow."""
    assert len(spelled(ZALGO)) <= 4


def test_letters_that_no_font_has_are_one_ellipsis(bare: None) -> None:
    """Neither boxes nor a row of signs."""
    assert (
        spelled("周六上午，参观 MAAT 博物馆。") == "… MAAT …。"
        or spelled("周六上午，参观 MAAT 博物馆。") == "… MAAT …"
    )
    assert spelled("ab\ue000\ud800c") == "ab…c"
    assert not is_telling(spell("周六 上午", 50))


def test_signs_that_no_font_has_are_left_out(bare: None) -> None:
    """An emoji less is no loss of meaning."""
    assert spelled("🎉 Ship it! 👩‍👩‍👧‍👦 now") == "Ship it! now"


def test_latin_greek_and_cyrillic_need_no_font_of_the_system(bare: None) -> None:
    """The font that comes with the package has them."""
    text = "Café Łódź Ñandú Ψάρι Рыба “„—…€→ ½ Tiếng Việt"
    assert spelled(text) == text
    image = picture(replace(CARD, title=text))
    assert count_of(image, (27, 26, 24)) > 2_000


def test_lines_fit_and_lose_nothing_but_the_end() -> None:
    """Words stay whole where they can."""
    text = spell("Read the attached quarterly reports of all twelve subsidiaries", 100)
    lines = wrap(text, STYLE, 400, 2)
    told = ["".join(cluster.text for cluster in line) for line in lines]
    assert told[0] == "Read the attached"
    assert told[1].endswith("…")
    assert all(measure(line, STYLE) <= 400 for line in lines)
    assert ["".join(c.text for c in line) for line in wrap(text, STYLE, 10_000, 2)] == [spelled_of(text)]


def spelled_of(text: lettering.Text) -> str:
    return "".join(cluster.text for cluster in text)


@pytest.mark.parametrize("text", ["W" * 300, "i" * 300, "ab " * 100, "a-b/c_d" * 40])
@pytest.mark.parametrize("width", [20, 100, 333, 1072])
def test_one_line_fills_its_room(text: str, width: int) -> None:
    """As much as fits, and the ellipsis."""
    line = fit(spell(text, 200), STYLE, width)
    assert spelled_of(line).endswith("…")
    assert width - 200 < measure(line, STYLE) <= max(width, 70)


def test_right_to_left_text_begins_at_the_right() -> None:
    """Also where the rest of the picture does not."""
    if not (typefaces.can_shape() and typefaces.face_of(0x5E9)):
        pytest.skip("no font with Hebrew here")
    text = spell("שבוע GPT-4 ב-2,943 (מלון)", 100)
    assert is_rtl(text)
    placed = "|".join(run.text for run in lettering._runs(text, rtl=True))
    order = [placed.index(word) for word in ("מלון", "2,943", "GPT-4", "שבוע")]
    assert order == sorted(order)


def test_font_files_that_are_none_cover_nothing(tmp_path: Path) -> None:
    """A broken file among the system's fonts is passed over."""
    real = Path(typefaces.INTER.path).read_bytes()
    for name, data in (("a", b""), ("b", b"\x00" * 5000), ("c", real[:900]), ("d", b"ttcf" + b"\xff" * 60)):
        (tmp_path / f"{name}.ttf").write_bytes(data)
        assert not typefaces.Face(str(tmp_path / f"{name}.ttf"), "").covers(65)
    assert not typefaces.Face(str(tmp_path / "absent.ttf"), "").covers(65)
    assert typefaces.INTER.covers(65)
