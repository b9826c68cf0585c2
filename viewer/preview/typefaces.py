"""The fonts that pictures are lettered with, and which of them has which character.

Inter is installed with the package and is always there; what the system has lends the scripts that Inter lacks.
Knows files and code points, nothing of lines or layout.
"""

from __future__ import annotations

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from PIL import ImageFont, features

BOLD = 650
REGULAR = 400

_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
_WANTED = (
    r"NotoColorEmoji\.ttf",
    r"NotoSans(CJK|SC|JP|KR|TC|HK)?(-Regular|-VF|\[[\w,]+\])\.(ttf|otf|ttc)",
    r"(wqy-(micro|zen)hei|DroidSansFallbackFull)\.(ttf|ttc)",
    r"(Arial Unicode|ArialHB|Hiragino Sans GB|AppleSDGothicNeo|segoeui|msyh|malgun|YuGothM)\.(ttf|ttc)",
    r"NotoSans(?!Mono|Display)[A-Z]\w*(-Regular|\[[\w,]+\])\.(ttf|otf|ttc)",
    r"DejaVuSans\.ttf",
)
"""Files that lend characters, the first that has one lends it."""
_MAX_CMAP_BYTES = 4_000_000
_EMOJI_SIZE = 109
"""The one size that the bitmaps of NotoColorEmoji come in."""


@dataclass(frozen=True, slots=True)
class Face:
    """A font file. `bold` is its sibling for headings; itself where there is none."""

    path: str
    bold: str
    is_emoji: bool = False

    @property
    def lacks_bold(self) -> bool:
        return self.bold == self.path and self is not INTER

    def covers(self, code: int) -> bool:
        """Whether the font has a glyph for the code point."""
        starts, ends = _ranges(self.path)
        at = bisect_right(starts, code) - 1
        return at >= 0 and code <= ends[at]

    def font(self, size: float, weight: int) -> ImageFont.FreeTypeFont:
        """The font in a size in pixels; emoji are always of their own size."""
        if self.is_emoji:
            return _loaded(self.path, _EMOJI_SIZE, None)
        if self is INTER:
            return _loaded(self.path, size, weight)
        return _loaded(self.bold if weight > REGULAR else self.path, size, None)


_INTER_PATH = str(files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf")
INTER = Face(_INTER_PATH, _INTER_PATH)


@lru_cache(maxsize=64)
def _loaded(path: str, size: float, weight: int | None) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(path, size)
    if weight is not None:
        font.set_variation_by_axes([min(max(size, 14), 32), weight])  # optical size, weight
    return font


@cache
def can_shape() -> bool:
    """Whether letters can be joined and reordered as Arabic or Devanagari need it: raqm, which needs fribidi."""
    return bool(features.check("raqm"))


@lru_cache(maxsize=4096)
def face_of(code: int, is_emoji: bool = False) -> Face | None:
    """The first font that has a glyph for the code point; colour goes first for an emoji. None: no font has."""
    if INTER.covers(code) and not is_emoji:
        return INTER
    lent = next((face for face in _system_faces() if face.covers(code)), None)
    return lent or (INTER if INTER.covers(code) else None)


@cache
def _system_faces() -> tuple[Face, ...]:
    paths = sorted(path for folder in _FOLDERS for path in _files(folder))
    faces = []
    for pattern in _WANTED:
        faces += [_face(path) for path in paths if re.fullmatch(pattern, os.path.basename(path))]
    return tuple(face for face in faces if not face.is_emoji or _has_bitmaps(face.path))


def _files(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names)


def _face(path: str) -> Face:
    bold = path.replace("-Regular.", "-Bold.")
    if not (os.path.exists(bold) and _ranges(bold) == _ranges(path)):
        bold = path
    return Face(path, bold, is_emoji="Emoji" in os.path.basename(path))


def _has_bitmaps(path: str) -> bool:
    """Pillow draws the bitmaps of an emoji font, not the newer gradients."""
    try:
        return b"CBDT" in _tables(Path(path).read_bytes()[:1000])
    except (OSError, struct.error):
        return False


_Ranges = tuple[Sequence[int], Sequence[int]]


@lru_cache(maxsize=1024)
def _ranges(path: str) -> _Ranges:
    """First and last code points of the stretches that a font covers; none for a file that is no font."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
            start = struct.unpack(">I", head[12:16])[0] if head[:4] == b"ttcf" else 0
            file.seek(start)
            offset, length = _tables(file.read(1000))[b"cmap"]
            file.seek(offset)
            stretches = sorted(_stretches(file.read(min(length, _MAX_CMAP_BYTES))))
    except (OSError, struct.error, KeyError, IndexError):
        return (), ()
    starts: list[int] = []
    ends: list[int] = []
    for first, last in stretches:
        if ends and first <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return tuple(starts), tuple(ends)


def _tables(directory: bytes) -> dict[bytes, tuple[int, int]]:
    """Offset and length of each table that a font begins with."""
    (count,) = struct.unpack_from(">H", directory, 4)
    records = (struct.unpack_from(">4sIII", directory, 12 + 16 * at) for at in range(count))
    return {tag: (offset, length) for tag, _, offset, length in records}


def _stretches(cmap: bytes) -> Iterator[tuple[int, int]]:
    """What the richest subtable maps: OpenType, `cmap`, formats 12 and 4."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    offsets = [struct.unpack_from(">HHI", cmap, 4 + 8 * at)[2] for at in range(count)]
    offset_by_format = {struct.unpack_from(">H", cmap, offset)[0]: offset for offset in offsets}
    if 12 in offset_by_format:
        return _segmented_coverage(cmap, offset_by_format[12])
    return _delta_coverage(cmap, offset_by_format[4])


def _segmented_coverage(cmap: bytes, offset: int) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(">I", cmap, offset + 12)
    for first, last, glyph in struct.iter_unpack(">III", cmap[offset + 16 : offset + 16 + 12 * count]):
        if glyph or last > first:
            yield (first if glyph else first + 1), last


def _delta_coverage(cmap: bytes, offset: int) -> Iterator[tuple[int, int]]:
    (twice,) = struct.unpack_from(">H", cmap, offset + 6)
    count = twice // 2
    at = offset + 14
    ends = struct.unpack_from(f">{count}H", cmap, at)
    starts = struct.unpack_from(f">{count}H", cmap, at + twice + 2)
    range_offsets_at = at + 3 * twice + 2
    range_offsets = struct.unpack_from(f">{count}H", cmap, range_offsets_at)
    for number, (first, last, range_offset) in enumerate(zip(starts, ends, range_offsets, strict=True)):
        if first == 0xFFFF:
            continue
        if not range_offset:
            yield first, last
            continue
        glyphs_at = range_offsets_at + 2 * number + range_offset
        glyphs = struct.unpack_from(f">{last - first + 1}H", cmap, glyphs_at)
        yield from ((first + step, first + step) for step, glyph in enumerate(glyphs) if glyph)
