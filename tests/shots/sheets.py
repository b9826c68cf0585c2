"""What a person looks at first: contact sheets, and an index that leads to every picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.shots.camera import Look, Shot

COLUMNS_BY_WIDTH = {390: 7, 768: 5, 1440: 4}
_THUMB, _CAPTION, _GAP = 380, 40, 16
_GROUND, _INK, _FRAME = "#777", "#fff", "#444"

_INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Shots</title>
<style>
body {{ font: 14px/1.4 system-ui; margin: 24px; background: #888; color: #fff }}
section {{ display: flex; gap: 16px; overflow-x: auto; padding-bottom: 12px }}
figure {{ margin: 0; flex: none }}
img {{ width: 300px; height: 420px; object-fit: cover; object-position: top; border: 1px solid #444 }}
a {{ color: inherit }}
</style>
<h1>Shots</h1>
<p>{sheets}</p>
{cases}
</html>
"""


def contact_sheet(shots: Sequence[Shot], look: Look, folder: Path) -> Path:
    """One PNG of the first screens at one width and scheme, each with its name."""
    shown = [shot for shot in shots if shot.look == look and shot.view == "fold"]
    columns = min(COLUMNS_BY_WIDTH.get(look.width, 5), max(1, len(shown)))
    thumbs = [_thumbnail(shot.path) for shot in shown]
    height = max((thumb.height for thumb in thumbs), default=0) + _CAPTION + _GAP
    rows = -(-len(thumbs) // columns)
    sheet = Image.new("RGB", (columns * (_THUMB + _GAP) + _GAP, rows * height + _GAP), _GROUND)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    for number, (shot, thumb) in enumerate(zip(shown, thumbs, strict=True)):
        x, y = _GAP + number % columns * (_THUMB + _GAP), _GAP + number // columns * height
        draw.text((x, y), shot.case.name, _INK, font)
        draw.text((x, y + 20), shot.case.caption, _INK, small)
        sheet.paste(thumb, (x, y + _CAPTION))
        draw.rectangle(
            (x - 1, y + _CAPTION - 1, x + thumb.width, y + _CAPTION + thumb.height), outline=_FRAME
        )
    path = folder / f"sheet-{look}.png"
    sheet.save(path)
    return path


def _thumbnail(path: Path) -> Image.Image:
    with Image.open(path) as image:
        height = round(image.height * _THUMB / image.width)
        return image.convert("RGB").resize((_THUMB, height), Image.Resampling.LANCZOS)


def index(shots: Sequence[Shot], sheets: Sequence[Path], folder: Path) -> Path:
    """A page with every picture, a row for each case."""
    names = dict.fromkeys(shot.case.name for shot in shots)
    cases = "\n".join(_row([shot for shot in shots if shot.case.name == name]) for name in names)
    links = " · ".join(f'<a href="{sheet.name}">{sheet.stem}</a>' for sheet in sheets)
    path = folder / "index.html"
    path.write_text(_INDEX.format(sheets=links, cases=cases), encoding="utf-8")
    return path


def _row(shots: Sequence[Shot]) -> str:
    case = shots[0].case
    figures = "".join(
        f'<figure><a href="{shot.path.name}"><img loading="lazy" src="{shot.path.name}" alt=""></a>'
        f"<figcaption>{shot.look} {shot.view}</figcaption></figure>"
        for shot in shots
    )
    return f'<h2 id="{case.name}">{case.name} <small>{escape(case.caption)}</small></h2><section>{figures}</section>'
