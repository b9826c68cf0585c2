"""The picture that stands for a trace page where its link is shared: 1200 × 630, PNG.

Draws a card that it is given; knows nothing of traces. All of its text is a stranger's: see `lettering`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from viewer.preview.lettering import (
    Style,
    Text,
    fit,
    is_rtl,
    is_telling,
    is_whole,
    measure,
    paint,
    spell,
    wrap,
)
from viewer.preview.typefaces import BOLD, REGULAR

WIDTH, HEIGHT = 1200, 630
MARGIN = 64
_LEFT, _RIGHT = MARGIN, WIDTH - MARGIN
_ROOM = _RIGHT - _LEFT

# The light colours of tracen.css.
_PAPER, _INK, _SOFT, _FAINT, _LINE, _ACCENT = "#fbfaf8", "#1b1a18", "#57534d", "#6b665f", "#e3dfd8", "#3d46c9"
_GOOD, _GOOD_TINT, _BAD, _ACCENT_TINT = "#17683a", "#e6f4ea", "#b3261e", "#eeeffc"
_HUE_BY_KIND = {
    "llm": "#4f58d6",
    "agent": "#47433d",
    "tool": "#b45309",
    "retrieval": "#0f766e",
    "embedding": "#0f766e",
    "rerank": "#0f766e",
    "guardrail": "#a21c7b",
    "evaluation": "#a21c7b",
    "other": "#6a70c4",
}
_HUE_PLAIN = "#7d7870"

_BRAND = Style(34, BOLD, _INK)
_TITLES = ((Style(68, BOLD, _INK), 1), (Style(60, BOLD, _INK), 2), (Style(52, BOLD, _INK), 2))
"""The largest that holds the title, and in how many lines."""
_MESSAGE = Style(34, REGULAR, _SOFT)
_FACTS = Style(34, 520, _INK)
_NOTE = Style(24, REGULAR, _FAINT)
_DOT = Style(34, BOLD, "#b3ada3")

_TOP = 90
"""The middle of the first line: mark and status."""
_BODY = _TOP + 54
"""Where title, message and bars may begin."""
_BASELINE = HEIGHT - MARGIN - 2
"""Of the facts."""
_MAX_TITLE, _MAX_MESSAGE, _MAX_FACT, _MAX_FACTS = 120, 200, 60, 8
_MIN_FACT = 150
"""Pixels; less of a fact tells nothing."""
_UNTITLED = "Shared trace"
"""Where the title has no letter that can be drawn."""
_MAX_COUNT = 999_999_999
_MAX_BARS = 14
_ABOVE_CHART = 32
_MAX_SHIFT = 60
"""Pixels that a short text is moved towards the middle."""
_MIN_PITCH, _MAX_PITCH = 10, 30
_FINE = 4
"""Shapes are drawn so many times larger and then reduced: that smooths their edges."""


@dataclass(frozen=True, slots=True)
class PreviewBar:
    """A step on the time axis. `kind` is a StepKind's value; `x` and `width` are shares of the axis."""

    kind: str
    x: float
    width: float
    level: int
    is_failed: bool


@dataclass(frozen=True, slots=True)
class PreviewCard:
    """What the picture tells. `bars` are in reading order; `message` is the answer or the error."""

    title: str
    is_failed: bool
    facts: tuple[str, ...]
    message: str
    bars: tuple[PreviewBar, ...]
    step_count: int
    is_waiting: bool = False
    """Nothing of it has come."""


def draw(card: PreviewCard) -> bytes:
    """Draw the card as a PNG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    _draw_brand(image)
    _draw_status(image, card)
    facts_end = _draw_facts(image, card.facts)
    bottom = _BASELINE - 60 if facts_end else HEIGHT - MARGIN
    blocks = [block for block in (_title(card.title), _message(card.message)) if block.lines]
    below = _BODY + sum(block.height for block in blocks)
    chart = _chart(card.bars, bottom - below - _ABOVE_CHART)
    spare = bottom - below - (chart.height + _ABOVE_CHART if chart.rows else 0)
    y = _BODY + min(spare * 2 // 5, _MAX_SHIFT)
    for block in blocks:
        _draw_block(image, block, y)
        y += block.height
    _draw_chart(image, chart, bottom)
    if facts_end and len(chart.rows) < len(card.bars):
        _draw_share(image, len(chart.rows), card.step_count, facts_end)
    return _encoded(image)


def _encoded(image: Image.Image) -> bytes:
    small = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    small.save(file, "PNG", compress_level=6)
    return file.getvalue()


# -- the first line ------------------------------------------------------------------------------------


def _draw_brand(image: Image.Image) -> None:
    """The mark of base.html, on its grid of 16, and the name."""
    unit = 44 / 16

    def mark(pen: ImageDraw.ImageDraw) -> None:
        for x, y, length in ((2, 3.5, 12), (5, 8, 9), (8, 12.5, 6)):
            _stroke(pen, [(x * unit, y * unit), ((x + length) * unit, y * unit)], 2.4 * unit)

    _shape(image, (_LEFT - 2, _TOP - 22, 44, 44), _ACCENT, mark)
    paint(image, spell("Tracen", 10), _BRAND, (_LEFT + 54, _LEFT + 300, _TOP + 12), rtl=False)


def _draw_status(image: Image.Image, card: PreviewCard) -> None:
    """A pill with a sign and a word, at the right."""
    told, ground, ink = "Succeeded", _GOOD_TINT, _GOOD
    if card.is_waiting:
        told, ground, ink = "Waiting", _ACCENT_TINT, _ACCENT
    if card.is_failed:
        told, ground, ink = "Failed", _BAD, "#ffffff"
    style = Style(32, 600, ink)
    word = spell(told, 10)
    word_width = math.ceil(measure(word, style))
    width, height = 24 + 30 + 12 + word_width + 28, 60
    x, y = _RIGHT - width, _TOP - height // 2
    _round_box(image, (x, y, width, height), height / 2, ground)
    check = [[(4, 16), (11, 23), (26, 7)]]
    cross = [[(6, 6), (24, 24)], [(24, 6), (6, 24)]]

    def sign(pen: ImageDraw.ImageDraw) -> None:
        if told == "Waiting":
            pen.ellipse([(8 * _FINE, 8 * _FINE), (22 * _FINE, 22 * _FINE)], fill=255)
            return
        for line in cross if card.is_failed else check:
            _stroke(pen, line, 4)

    _shape(image, (x + 24, _TOP - 15, 30, 30), ink, sign)
    paint(image, word, style, (x + 66, x + width, _TOP + 11), rtl=False)


# -- texts ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of one style, `above` pixels under what stands over them."""

    lines: Sequence[Text]
    style: Style
    rtl: bool
    leading: int
    above: int = 0

    @property
    def height(self) -> int:
        return self.above + len(self.lines) * self.leading


def _title(title: str) -> _Block:
    """One large line, or two smaller ones of about the same length."""
    text = spell(title, _MAX_TITLE)
    if not is_telling(text):
        text = spell(_UNTITLED, _MAX_TITLE)
    for style, max_lines in _TITLES:
        lines = wrap(text, style, _ROOM, max_lines)
        if is_whole(text, lines):
            break
    return _Block(
        _balanced(text, style, lines, (0.6, 0.75, 0.9)), style, is_rtl(text), round(style.size * 1.18)
    )


def _message(message: str) -> _Block:
    text = spell(message, _MAX_MESSAGE)
    lines: Sequence[Text] = wrap(text, _MESSAGE, _ROOM, 2) if is_telling(text) else ()
    lines = _balanced(text, _MESSAGE, lines, (0.85,))
    return _Block(lines, _MESSAGE, is_rtl(text), 46, above=14)


def _balanced(text: Text, style: Style, lines: Sequence[Text], shares: Sequence[float]) -> Sequence[Text]:
    """The lines broken at the first of the shares of the room that suffices: a last word shall not stand alone."""
    if len(lines) < 2 or not is_whole(text, lines):
        return lines
    tries = (wrap(text, style, _ROOM * share, 2) for share in shares)
    return next((some for some in tries if is_whole(text, some)), lines)


def _draw_block(image: Image.Image, block: _Block, top: int) -> None:
    for number, line in enumerate(block.lines):
        middle = top + block.above + number * block.leading + block.leading / 2
        baseline = round(middle + 0.36 * block.style.size)
        paint(image, line, block.style, (_LEFT, _RIGHT, baseline), rtl=block.rtl)


def _draw_facts(image: Image.Image, facts: Sequence[str]) -> int:
    """One line; what is too long for it is taken from the longest fact. Returns where it ends, 0 if empty."""
    texts = [text for text in (spell(fact, _MAX_FACT) for fact in facts[:_MAX_FACTS]) if is_telling(text)]
    widths = [measure(text, _FACTS) for text in texts]
    dot = spell("·", 1)
    gap = round(_FACTS.size * 0.36)
    step = measure(dot, _DOT) + 2 * gap
    excess = sum(widths) + step * (len(texts) - 1) - _ROOM
    if texts and excess > 0:
        longest = widths.index(max(widths))
        texts[longest] = fit(texts[longest], _FACTS, max(widths[longest] - excess, _MIN_FACT))
    x = float(_LEFT)
    for number, text in enumerate(texts):
        before = step if number else 0
        room = _RIGHT - x - before
        width = measure(text, _FACTS)
        if width > room:
            if room < _MIN_FACT:
                break
            text = fit(text, _FACTS, room)
        if number:
            paint(image, dot, _DOT, (round(x) + gap, _RIGHT, _BASELINE), rtl=False)
        x += before
        right = min(math.ceil(x + width), _RIGHT)
        paint(image, text, _FACTS, (round(x), right, _BASELINE), rtl=is_rtl(text))
        x += width
    return math.ceil(x) if texts else 0


def _draw_share(image: Image.Image, shown: int, step_count: int, left: int) -> None:
    """How many of the steps the bars are, if there is room to say so."""
    text = spell(f"{shown} of {min(step_count, _MAX_COUNT):,} drawn", 40)
    width = math.ceil(measure(text, _NOTE))
    if left + 2 * _FACTS.size + width <= _RIGHT:
        paint(image, text, _NOTE, (_RIGHT - width, _RIGHT, _BASELINE), rtl=False)


# -- the waterfall -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """A bar, and the stretch of time (shares, start and end) of the steps that it stands for."""

    bar: PreviewBar
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Chart:
    """The rows that are drawn, `pitch` pixels from one to the next."""

    rows: Sequence[_Row]
    pitch: float

    @property
    def height(self) -> int:
        return round(self.pitch * len(self.rows))


def _chart(bars: Sequence[PreviewBar], room: int) -> _Chart:
    """As many bars as there is room for, as far apart as there is room."""
    rows = _rows(bars, max(3, min(_MAX_BARS, room // _MIN_PITCH)))
    return _Chart(rows, min(room / max(len(rows), 1), _MAX_PITCH))


def _rows(bars: Sequence[PreviewBar], limit: int) -> Sequence[_Row]:
    """All bars; of too many the first, and of each part of the rest the one that tells most."""
    if len(bars) <= limit:
        return [_row([bar]) for bar in bars]
    rest, count = bars[1:], limit - 1
    bounds = [len(rest) * number // count for number in range(count + 1)]
    return [_row(bars[:1]), *(_row(rest[start:end]) for start, end in pairwise(bounds))]


def _row(bars: Sequence[PreviewBar]) -> _Row:
    """A failure tells most, then the widest of those that are more than a wrapper."""
    bar = max(bars, key=lambda bar: (bar.is_failed, bar.kind in _HUE_BY_KIND, _share(bar.width), -bar.level))
    ends = (min(_share(bar.x) + _share(bar.width), 1.0) for bar in bars)
    return _Row(bar, min(_share(bar.x) for bar in bars), max(ends))


def _draw_chart(image: Image.Image, chart: _Chart, bottom: int) -> None:
    if not chart.rows:
        return
    top = bottom - chart.height
    thickness = round(chart.pitch * 0.64)
    pen = ImageDraw.Draw(image)
    for quarter in range(5):
        x = _LEFT + round(quarter * (_ROOM - 2) / 4)
        pen.line([(x, top - 6), (x, bottom + 5)], fill=_LINE, width=2)
    for number, row in enumerate(chart.rows):
        bar = row.bar
        y = round(top + chart.pitch * number + (chart.pitch - thickness) / 2)
        hue = _BAD if bar.is_failed else _HUE_BY_KIND.get(bar.kind, _HUE_PLAIN)
        _draw_bar(image, (row.start, row.end - row.start), (y, thickness), _pale(hue))
        _draw_bar(image, (bar.x, bar.width), (y, thickness), hue)


def _draw_bar(image: Image.Image, across: tuple[float, float], down: tuple[int, int], colour: str) -> None:
    """A bar by its shares of the axis and its pixels; wide enough to be seen, and never past the axis."""
    y, thickness = down
    least = max(10, thickness)
    x = min(round(_share(across[0]) * _ROOM), _ROOM - least)
    width = min(max(round(_share(across[1]) * _ROOM), least), _ROOM - x)
    _round_box(image, (_LEFT + x, y, width, thickness), thickness / 2, colour)


def _pale(colour: str) -> str:
    """The colour thinned with paper."""
    mixed = (
        round(ink * 0.25 + ground * 0.75) for ink, ground in zip(_rgb(colour), _rgb(_PAPER), strict=True)
    )
    return "#" + bytes(mixed).hex()


def _rgb(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


# -- shapes --------------------------------------------------------------------------------------------


def _round_box(image: Image.Image, box: tuple[int, int, int, int], radius: float, colour: str) -> None:
    _, _, width, height = box
    corner = (width * _FINE - 1, height * _FINE - 1)
    _shape(image, box, colour, lambda pen: pen.rounded_rectangle(((0, 0), corner), radius * _FINE, fill=255))


def _shape(
    image: Image.Image,
    box: tuple[int, int, int, int],
    colour: str,
    outline: Callable[[ImageDraw.ImageDraw], object],
) -> None:
    """Paint what `outline` draws, with smooth edges, in a box (x, y, width, height)."""
    x, y, width, height = box
    mask = Image.new("L", (width * _FINE, height * _FINE))
    outline(ImageDraw.Draw(mask))
    image.paste(colour, (x, y, x + width, y + height), mask.reduce(_FINE))


def _stroke(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], width: float) -> None:
    """A line with round ends and corners."""
    fine = [(x * _FINE, y * _FINE) for x, y in points]
    pen.line(fine, fill=255, width=round(width * _FINE))
    radius = width * _FINE / 2
    for x, y in fine:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
