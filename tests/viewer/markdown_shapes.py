"""Texts that cost a Markdown parser most for their length, each to be repeated up to any length."""

from __future__ import annotations

UNITS = {
    "brackets": "[",
    "closed brackets": "[]",
    "pairs of brackets": "[][",
    "label and label": "[a][a]",
    "images": "![",
    "whole images": "![a](b)",
    "links without end": "[a](",
    "targets without end": "[a](<b",
    "titles without end": '[a](b "',
    "links": "[a](http://b) ",
    "autolinks": "<http://b>",
    "angles": "<",
    "angles and letters": "a<",
    "emphasis": "*a ",
    "emphasis of two kinds": "*a_ ",
    "emphasis in quotes": '*"a"_',
    "closed emphasis": "*a* ",
    "strong and emphasis": "**a*",
    "strong": "**a** ",
    "stars": "a*",
    "rule": "*",
    "underscores": "a_b",
    "tildes": "~~a",
    "code": "`a` ",
    "quotes in a line": "> ",
    "quotes without spaces": ">",
    "quotes line by line": "> a\n",
    "quotes that end at once": "> *\n    a\n",
    "items": "- a\n",
    "empty items": "-\n",
    "numbered items": "1. a\n",
    "items in items": "- ",
    "numbered items in items": "1. ",
    "lines": "a\n",
    "broken lines": "a  \n",
    "blank lines": " \n",
    "paragraphs": "a\n\n",
    "headings": "# a\n",
    "underlined headings": "a\n=\n",
    "rules": "***\n",
    "fences": "```\n",
    "fences without end": "~~~\n\n",
    "table rows": "|a|b|\n",
    "references": "[a]: http://b\n",
    "labels over lines": "[a\n",
    "titles over lines": '[a]: http://b "\n',
    "entities": "&amp;",
    "ampersands": "&",
    "escapes": "\\*",
    "backslashes": "\\",
    "punctuation": "#$%+-:=@{}",
    "exclamations": "!",
    "hiding": "\u202e",
    "entities that hide": "&#x202e;",
    "words": "a " * 40 + "\n",
}


def shapes(length: int) -> dict[str, str]:
    """Every shape, of at most `length` characters."""
    some = {name: unit * (length // len(unit)) for name, unit in UNITS.items()}
    third = length // 3
    some["backticks of every length"] = "".join("`" * n + "a" for n in range(1, int(length**0.5)))
    some["quotes ever deeper"] = "\n".join("> " * n + "a" for n in range(1, int(length**0.5)))
    some["lists ever deeper"] = "\n".join("  " * n + "- a" for n in range(int(length**0.5)))
    some["lazy lines of a deep quote"] = ">" * 20 + "a\n" + "b\n" * third
    some["nested emphasis"] = "*a " * (third // 2) + " a*" * (third // 2)
    some["nested brackets"] = "[" * third + "a" + "]" * third
    some["brackets and what stops them"] = "[" * (length // 10) + "\\*" * third
    some["wide table"] = "|a" * 300 + "|\n" + "|-" * 300 + "|\n" + "|\n" * min(third, 3000)
    some["nested images"] = "![" * (third // 2) + "a" + "](http://b)" * (third // 10)
    return some


def ordinary_answer() -> str:
    """Some 20 kB of what models write: headings, lists, links, tables and code."""
    return "\n\n".join(_section(n) for n in range(1, 23))


def _section(number: int) -> str:
    return f"""## {number}. Cache *invalidation* for `orders`

The **write path** (see [the guide](https://docs.example.org/guide#{number})) drops a key before the commit, so a reader
may put an *old* row back. Three ways out, from the cheapest to the most thorough:

1. **Expire early.** A `TTL` of {number} s bounds how long anything is stale.
2. **Version the key**, e.g. `orders:{{id}}:v{number}`:
   - a writer increments the version,
   - a reader that has an old version misses.
3. Subscribe to the [change stream](https://db.example.com/streams/{number}).

| way | latency | stale | cost |
|:----|--------:|:-----:|------|
| expire | {number} ms | yes | none |
| version | {number + 1} ms | no | one `INCR` |
| stream | {number + 2} ms | ~~yes~~ no | a consumer |

```python
def read(cache: dict[str, list[int]], key: str) -> int | None:
    row = cache.get(f"{{key}}:v{{versions[key]}}") or load(key)  # <- may be None
    return row[{number}] if row and (row[0] > 0 or row[1] < 5) else None
```

> Note: `versions` lives in the *database*, not in the cache -- otherwise the two can disagree.
"""
