"""The README's tables that repeat the code, rendered from it: `make docs` writes them, a test compares."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

from tracen_otel import TracenSpanExporter
from tracen_otel.dialects import DIALECTS
from tracen_otel.fields import STEP_FIELDS, TRACE_FIELDS, Field
from viewer.settings import Settings, flag_of

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    rows = []
    for setting in fields(Settings):
        default = "in the user's data folder" if setting.default is MISSING else f"`{setting.default}`"
        if isinstance(setting.default, bool):
            default = "on" if setting.default else "off"
        flag = flag_of(setting).replace("/", "`, `")
        variable = f"TRACEN_{setting.name.upper()}"
        rows.append(
            f"| `{flag}`, `{variable}` | {default if default != '``' else ''} | {setting.metadata['help']} |"
        )
    return "\n".join(["| setting of `tracen serve` | default | |", "|---|---|---|", *rows])


def payload_table() -> str:
    documented = [*_rows("", TRACE_FIELDS, documented=True), *_rows("steps[].", STEP_FIELDS, documented=True)]
    extension = [
        f"`{prefix}{field.name}`"
        for prefix, table in (("", TRACE_FIELDS), ("steps[].", STEP_FIELDS))
        for field in table
        if not field.documented
    ]
    table = "\n".join(["| payload field | holds | |", "|---|---|---|", *documented])
    return f"{table}\n\nThe extension, all optional: {', '.join(extension)}. Unknown fields are ignored."


def _rows(prefix: str, table: tuple[Field, ...], *, documented: bool) -> list[str]:
    return [
        f"| `{prefix}{f.name}` | {'' if f.required else 'optional; '}{f.check(object())} | {f.help} |"
        for f in table
        if f.documented is documented
    ]


def dialect_list() -> str:
    return ", ".join(dialect.name for dialect in DIALECTS if dialect.name != "Generic")


def exporter_arguments() -> str:
    """The keyword arguments of the exporter, as its signature has them."""
    return ", ".join(f"`{name}`" for name in inspect.signature(TracenSpanExporter).parameters)


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "payload": payload_table,
    "dialects": dialect_list,
    "exporter": exporter_arguments,
}


def with_blocks(text: str) -> str:
    """The text with what stands between `<!-- NAME -->` and `<!-- /NAME -->` rendered anew."""
    for name, render in BLOCKS.items():
        before, opened, rest = text.partition(f"<!-- {name} -->\n")
        _, closed, after = rest.partition(f"<!-- /{name} -->")
        if not opened or not closed:
            raise ValueError(f"README.md: no block <!-- {name} --> … <!-- /{name} -->")
        text = f"{before}{opened}{render()}\n{closed}{after}"
    return text


if __name__ == "__main__":
    README.write_text(with_blocks(README.read_text(encoding="utf-8")), encoding="utf-8")
