"""How a text may be written: as it is, composed or decomposed, or in JSON in a string, to any depth.

Arguments of tools and whole conversations are kept as JSON text: a text that is to be masked stands there with its
quotes, newlines and foreign letters escaped, once for each JSON around it. RFC 8259 7; Unicode TR 15.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPED = r"\\{1,64}+"
"""One backslash or, in JSON in JSON, three, seven and so on; bounded, for a text may hold nothing else."""
_MAYBE_ESCAPED = r"\\{0,64}+"
_BY_CHARACTER = {
    '"': rf'(?:{_MAYBE_ESCAPED}"|{_ESCAPED}u0022)',
    "'": rf"(?:{_MAYBE_ESCAPED}'|{_ESCAPED}u0027)",
    "/": f"{_MAYBE_ESCAPED}/",
    "\n": rf"(?:\r?\n|(?:{_ESCAPED}r)?{_ESCAPED}n|{_ESCAPED}u000[aA])",
    "\r": rf"(?:\r|{_ESCAPED}r|{_ESCAPED}u000[dD])",
    "\t": rf"(?:\t|{_ESCAPED}t|{_ESCAPED}u0009)",
    "\b": rf"(?:\x08|{_ESCAPED}b|{_ESCAPED}u0008)",
    "\f": rf"(?:\f|{_ESCAPED}f|{_ESCAPED}u000[cC])",
}
_SOMETIMES_ESCAPED = "<>&"
_PLAIN = re.compile(r"[A-Za-z0-9 .,:;_-]+")
_BACKSLASHES_OR_ONE = re.compile(r"\\+|.", re.DOTALL)


def pattern_of(text: str) -> re.Pattern[str]:
    """What matches `text` however it is written."""
    pieces = _BACKSLASHES_OR_ONE.findall(unicodedata.normalize("NFC", text))
    return re.compile("".join(map(_spelled, pieces)))


def core_of(text: str) -> str:
    """The longest piece of `text` that is written in one way alone; "" where there is none."""
    return max(_PLAIN.findall(text), key=len, default="")


def _spelled(character: str) -> str:
    if character[0] == "\\":  # each is two in JSON; an escape may follow, so that not all are taken
        return rf"\\{{{len(character)},{len(character) + 64}}}"
    if character in _BY_CHARACTER:
        return _BY_CHARACTER[character]
    if character.isascii() and character.isprintable() and character not in _SOMETIMES_ESCAPED:
        return re.escape(character)
    decomposed = unicodedata.normalize("NFD", character)
    ways = [f"{re.escape(way)}|{_as_escapes(way)}" for way in dict.fromkeys((character, decomposed))]
    return f"(?:{'|'.join(ways)})"


def _as_escapes(text: str) -> str:
    """The UTF-16 units of a text, as JSON escapes them."""
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"{_ESCAPED}u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))
