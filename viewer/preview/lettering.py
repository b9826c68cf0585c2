"""Strangers' text as pixels: cut to a bound, given fonts, put in reading direction, broken into lines, painted.

Whatever a text holds, it costs no more than its bound and paints nothing outside its box.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal

from PIL import Image, ImageDraw

from viewer.preview.typefaces import INTER, REGULAR, Face, can_shape, face_of

ZWNJ, ZWJ, AS_EMOJI = "\u200c", "\u200d", "\ufe0f"
_JOINERS = (ZWNJ, ZWJ, AS_EMOJI)
_MAX_MARKS = 3
"""On one letter: what Hebrew needs; piles of marks serve only to overflow."""
_MAX_CLUSTER = 10
"""Code points that one emoji is joined from."""
_LOOK_AHEAD = 4
"""Code points read for each cluster wanted: the rest is space, marks and what is left out."""
_EMOJI_SCALE = 0.93 / 109
"""From the size of the emoji's bitmaps to that of the letters around."""
_ASCENT, _DESCENT = 1.1, 0.4
"""Of the box of a line, in sizes: room for the marks of all scripts."""
_MAX_GIVEN_UP = 14
"""Clusters of a cut word: more is rather shown in part."""
_JOINTS = frozenset("-/_–—")
_NO_START = frozenset(",.;:!?)]}»”’、。，．！？）」』】》：；…ー")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a reader sees as one character. `bidi` is L, R, N (a number) or empty for what has no direction."""

    text: str
    face: Face
    bidi: str = ""

    @property
    def is_gap(self) -> bool:
        return self.text == " "


Text = Sequence[Cluster]

_GAP = Cluster(" ", INTER)
_ELLIPSIS = Cluster("…", INTER)


@dataclass(frozen=True, slots=True)
class Style:
    """Size in pixels, weight and colour of letters."""

    size: int
    weight: int
    colour: str


@dataclass(frozen=True, slots=True)
class _Run:
    """Clusters of one font and direction, in the order they are read."""

    text: str
    face: Face
    is_rtl: bool

    def width(self, style: Style) -> float:
        if self.face.is_emoji:
            return _emoji(self.text, self.face).advance * style.size * _EMOJI_SCALE
        return self.face.font(style.size, style.weight).getlength(self.text, direction=self.direction)

    @property
    def direction(self) -> Literal["ltr", "rtl"] | None:
        if not can_shape():
            return None
        return "rtl" if self.is_rtl else "ltr"


def spell(text: str, limit: int) -> Text:
    """The first `limit` clusters of a text, as one line. `…` stands where no font has the letters."""
    spelled: list[Cluster] = []
    for letters in _segments(unicodedata.normalize("NFC", text[: limit * _LOOK_AHEAD])):
        before = spelled[-1] if spelled else _GAP
        cluster = _gap_after(before) if letters == " " else _in_font(letters)
        if cluster is None or (cluster.is_gap and before.is_gap):
            continue
        if cluster is _ELLIPSIS:
            del spelled[_unknown_since(spelled) :]
        spelled.append(cluster)
    is_cut = len(spelled) > limit or len(text) > limit * _LOOK_AHEAD
    spelled = list(_trimmed(spelled[:limit]))
    if is_cut and spelled and spelled[-1] is not _ELLIPSIS:
        spelled.append(_ELLIPSIS)
    return spelled


def _unknown_since(spelled: Sequence[Cluster]) -> int:
    """Where unknown letters began after which only spaces and punctuation came; the end if none did."""
    for at in range(len(spelled) - 1, -1, -1):
        if spelled[at] is _ELLIPSIS:
            return at
        if not spelled[at].is_gap and unicodedata.category(spelled[at].text[0])[0] != "P":
            break
    return len(spelled)


def _gap_after(before: Cluster) -> Cluster:
    """A space in the font of the word before it, so that a line is drawn in few runs."""
    face = before.face
    return _GAP if face is INTER or face.is_emoji or not face.covers(0x20) else Cluster(" ", face)


def is_telling(text: Text) -> bool:
    """Whether there is anything to read."""
    return any(not cluster.is_gap and cluster is not _ELLIPSIS for cluster in text)


def _segments(text: str) -> Iterator[str]:
    """Letters with their marks, joined emoji, single spaces; controls and lone marks are left out."""
    pending = ""
    for character in text:
        if character.isspace():
            character = " "
        elif unicodedata.category(character) in ("Cc", "Cf") and character not in _JOINERS:
            continue
        if _extends(pending, character):
            marks = sum(unicodedata.category(mark)[0] == "M" for mark in pending)
            if len(pending) < _MAX_CLUSTER and (marks < _MAX_MARKS or character in _JOINERS):
                pending += character
        else:
            if pending:
                yield pending
            pending = "" if _is_joining(character) else character
    if pending:
        yield pending


def _extends(pending: str, character: str) -> bool:
    if not pending or pending == " " or character == " ":
        return False
    code, last = ord(character), ord(pending[-1])
    return (
        _is_joining(character)
        or 0x1F3FB <= code <= 0x1F3FF  # skin
        or (pending[-1] == ZWJ and code > 0x2000)
        or (0x1F1E6 <= code <= 0x1F1FF and len(pending) == 1 and 0x1F1E6 <= last <= 0x1F1FF)  # a flag
        or (0x1160 <= code <= 0x11FF and 0x1100 <= last <= 0x11FF)  # Hangul in pieces
    )


def _is_joining(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character)[0] == "M"


def _in_font(letters: str) -> Cluster | None:
    """The cluster in the font that has it; `…` for an unknown letter, None for a sign that can be left out."""
    base = letters[0]
    bidi = _bidi(base)
    if unicodedata.category(base) in ("Cs", "Co"):
        return _ELLIPSIS
    face = face_of(ord(base), AS_EMOJI in letters or 0x1F000 <= ord(base) <= 0x1FAFF)
    if face is None or (face is not INTER and not can_shape() and (bidi == "R" or len(letters) > 1)):
        is_sign = unicodedata.category(base)[0] == "S" or ord(base) >= 0x1F000
        return None if is_sign else _ELLIPSIS
    kept = [mark for mark in letters[1:] if _is_kept(mark, face)]
    return Cluster(base + "".join(kept).rstrip(ZWJ if face.is_emoji else None), face, bidi)


def _is_kept(mark: str, face: Face) -> bool:
    if mark in _JOINERS:
        return face is not INTER and (face.is_emoji or mark != AS_EMOJI)
    return face.covers(ord(mark))


def _bidi(character: str) -> str:
    kind = unicodedata.bidirectional(character)
    return {"L": "L", "R": "R", "AL": "R", "EN": "N", "AN": "N"}.get(kind, "")


def is_rtl(text: Text) -> bool:
    """Whether a text is read from right to left: its first letter says so."""
    return next((cluster.bidi for cluster in text if cluster.bidi in ("L", "R")), "L") == "R"


def _levels(text: Text, *, rtl: bool) -> list[int]:
    """Of embedding, as the Unicode bidirectional algorithm has them where no text embeds another on purpose."""
    levels: list[int | None] = []
    strong = "R" if rtl else "L"
    for at, cluster in enumerate(text):
        if cluster.bidi in ("L", "R"):
            strong = cluster.bidi
            levels.append(1 if strong == "R" else 2 * rtl)
        elif cluster.bidi == "N" or _is_in_number(text, at):
            levels.append(2 if strong == "R" or rtl else 0)
        else:
            levels.append(None)
    resolved: list[int] = []
    for level, group in groupby(levels):
        length = len(list(group))
        if level is None:
            before = resolved[-1] if resolved else None
            after = levels[len(resolved) + length] if len(resolved) + length < len(levels) else None
            level = _between(before, after, rtl=rtl)
        resolved += [level] * length
    return resolved


def _is_in_number(text: Text, at: int) -> bool:
    """A sign between two digits, as in 2,943."""
    return 0 < at < len(text) - 1 and text[at - 1].bidi == text[at + 1].bidi == "N" and not text[at].is_gap


def _between(before: int | None, after: int | None, *, rtl: bool) -> int:
    """The level of what has no direction of its own: that of its neighbours if they agree, else the line's."""
    if before is None or after is None:
        return int(rtl)
    if not rtl:
        return 1 if before and after else 0
    return before if before == after else 1


def _runs(text: Text, *, rtl: bool) -> list[_Run]:
    """The runs of a line as they stand from left to right."""
    if not rtl and not any(cluster.bidi == "R" for cluster in text):
        placed = [(cluster, 0) for cluster in text]
    else:
        placed = list(zip(text, _levels(text, rtl=rtl), strict=True))
        for least in (2, 1):  # rule L2: turn round every stretch of at least this level
            turned: list[tuple[Cluster, int]] = []
            for is_deep, stretch in groupby(placed, key=lambda pair: pair[1] >= least):
                pairs = list(stretch)
                turned += reversed(pairs) if is_deep else pairs
            placed = turned
    runs = []
    for (face, level), group in groupby(placed, key=lambda pair: (pair[0].face, pair[1])):
        texts = [cluster.text for cluster, _ in group]
        if face.is_emoji:
            runs += [_Run(text, face, is_rtl=False) for text in texts]
        else:
            is_turned = level % 2 == 1
            runs.append(_Run("".join(reversed(texts) if is_turned else texts), face, is_turned))
    return runs


def measure(text: Text, style: Style, *, rtl: bool = False) -> float:
    """The width of a line in pixels."""
    return sum(run.width(style) for run in _runs(text, rtl=rtl))


def wrap(text: Text, style: Style, width: float, max_lines: int) -> list[Text]:
    """Break a text into lines that fit; what does not fit the last ends in an ellipsis."""
    rtl = is_rtl(text)
    lines: list[Text] = []
    while text and len(lines) < max_lines:
        fitting = _fitting(text, style, width, rtl=rtl)
        if fitting == len(text):
            return [*lines, text]
        if len(lines) == max_lines - 1:
            fitting = _fitting(text, style, width - measure([_ELLIPSIS], style), rtl=rtl)
            return [*lines, _shortened(text, fitting)]
        end = _break(text, fitting)
        lines.append(_trimmed(text[:end]))
        text = _trimmed(text[end:])
    return lines


def fit(text: Text, style: Style, width: float) -> Text:
    """The text as one line that fits."""
    return next(iter(wrap(text, style, width, 1)), ())


def is_whole(text: Text, lines: Sequence[Text]) -> bool:
    """Whether the lines hold all of the text."""
    shown = [cluster for line in lines for cluster in line if not cluster.is_gap]
    return shown == [cluster for cluster in text if not cluster.is_gap]


def _fitting(text: Text, style: Style, width: float, *, rtl: bool) -> int:
    """How many clusters fit in a line, one at least: the line is clipped anyway."""
    whole = measure(text, style, rtl=rtl)
    if whole <= width:
        return len(text)
    least, most = 1, len(text)  # the first fits, so many do not; a guess by proportion narrows that soonest
    guess = int(len(text) * width / whole)
    for reach in (4, 16):
        if least < guess - reach and measure(text[: guess - reach], style, rtl=rtl) <= width:
            least = guess - reach
            break
    for reach in (4, 16):
        if guess + reach < most and measure(text[: guess + reach], style, rtl=rtl) > width:
            most = guess + reach
            break
    counts = range(least + 1, most)
    return least + bisect_right(counts, width, key=lambda count: measure(text[:count], style, rtl=rtl))


def _break(text: Text, fitting: int) -> int:
    """Where to end a line of at most so many clusters: after a word, unless that leaves it all but empty."""
    for end in range(fitting, fitting // 3, -1):
        before, after = text[end - 1], text[end]
        is_word_end = before.is_gap or after.is_gap or (before.text in _JOINTS and after.bidi in ("L", "R"))
        if is_word_end or ((_is_ideograph(before) or _is_ideograph(after)) and after.text not in _NO_START):
            return end
    return fitting


def _is_ideograph(cluster: Cluster) -> bool:
    return 0x2E80 <= ord(cluster.text[0]) <= 0x9FFF or 0x20000 <= ord(cluster.text[0]) <= 0x3FFFF


def _trimmed(text: Text) -> Text:
    start, end = 0, len(text)
    while start < end and text[start].is_gap:
        start += 1
    while end > start and text[end - 1].is_gap:
        end -= 1
    return text[start:end]


def _shortened(text: Text, end: int) -> Text:
    """The text up to `end`, or to the end of the last word before it if that is near, and an ellipsis."""
    near = max(end - _MAX_GIVEN_UP, 1)
    end = next((at for at in range(end, near, -1) if text[at].is_gap), end)
    while end and (text[end - 1].is_gap or text[end - 1] is _ELLIPSIS or text[end - 1].text in ",.;:·–—-"):
        end -= 1
    return [*text[:end], _ELLIPSIS]


def paint(image: Image.Image, text: Text, style: Style, box: tuple[int, int, int], *, rtl: bool) -> None:
    """Letter one line on its baseline, within `box` (left, right, baseline); from the right if so read."""
    left, right, baseline = box
    top = baseline - round(style.size * _ASCENT)
    area = (left, top, right, baseline + round(style.size * _DESCENT))
    layer = image.crop(area)
    runs = _runs(text, rtl=rtl)
    x = float(right - left) - sum(run.width(style) for run in runs) if rtl else 0.0
    for run in runs:
        if run.face.is_emoji:
            _paint_emoji(layer, run, style, x, baseline - top)
        else:
            ImageDraw.Draw(layer).text(
                (x, baseline - top),
                run.text,
                fill=style.colour,
                font=run.face.font(style.size, style.weight),
                anchor="ls",
                stroke_width=style.size / 90 if run.face.lacks_bold and style.weight > REGULAR else 0,
                direction=run.direction,
            )
        x += run.width(style)
    image.paste(layer, area[:2])


@dataclass(frozen=True, slots=True)
class _Emoji:
    """A bitmap, the place of its upper left corner from pen and baseline, and how far the pen moves on."""

    bitmap: Image.Image
    corner: tuple[float, float]
    advance: float


@lru_cache(maxsize=256)
def _emoji(text: str, face: Face) -> _Emoji:
    font = face.font(0, REGULAR)
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    bitmap = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))))
    pen = ImageDraw.Draw(bitmap)
    pen.text((-left, -top), text, font=font, anchor="ls", embedded_color=True)
    return _Emoji(bitmap, (left, top), font.getlength(text))


def _paint_emoji(layer: Image.Image, run: _Run, style: Style, x: float, baseline: int) -> None:
    emoji = _emoji(run.text, run.face)
    scale = style.size * _EMOJI_SCALE
    width, height = (max(1, round(side * scale)) for side in emoji.bitmap.size)
    small = emoji.bitmap.resize((width, height), Image.Resampling.BOX)
    left, top = emoji.corner
    layer.paste(small, (round(x + left * scale), round(baseline + top * scale)), small)
