"""From a text to the words that FTS5 keeps of it, and from a Query to the expression that finds them.

Account and filters are words too, so that one look-up answers all that was asked for. They begin with a letter of the
private use area, which is taken out of everything that a stranger wrote: nobody can ask for them, or claim them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from viewer.store.catalogue import MAX_TEXT, Query, Summary

TOKENIZER = "unicode61 remove_diacritics 2"
MAX_WORDS = 32
"""Of a text that is looked for; what comes after them is not."""
_MAX_WORD = 64
"""Characters of a word that are kept and looked for: what is longer is a hash or an image, not a word."""
_LEAST_BEGINNING = 3
"""Letters from which on a word is also the beginning of longer ones: fewer begin too many."""
_MAX_ASKED = 1_000

_MARK = "\ue000"
_UNWANTED = re.compile("[\0\ue000-\uf8ff\ud800-\udfff\U000f0000-\U0010ffff]")
_LONG = re.compile(rf"(\w{{{_MAX_WORD}}})\w+")
_SPACELESS = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Scripts without spaces between words: each of their signs is kept as a word, and looked for beside its neighbours."""
_CHUNK = re.compile(r'"([^"]*)"?|([^\s"]+)')


def kept_of(account_id: int, summary: Summary, text: str) -> str:
    """All that is kept of a trace to find it by."""
    facets = [
        _account(account_id),
        _facet("outcome", summary.outcome.value),
        _facet("provider", summary.provider),
        _facet("model", summary.model),
        *(_facet("kind", kind) for kind in summary.kinds),
    ]
    return f"{' '.join(facets)} {_plain(text[:MAX_TEXT])}"


def expression_of(account_id: int, query: Query) -> str | None:
    """What FTS5 is asked for: "" where only account and time matter, None where nothing can be found."""
    phrases = list(_phrases(query.text))
    if not phrases and query.text.strip():
        return None
    wanted = (
        ("outcome", query.outcome and query.outcome.value),
        ("provider", query.provider),
        ("model", query.model),
        ("kind", query.kind),
    )
    facets = [_facet(name, value) for name, value in wanted if value is not None]
    if not facets and not phrases:
        return ""
    return " AND ".join([*map(_quoted, (_account(account_id), *facets)), *phrases])


def _account(account_id: int) -> str:
    return f"{_MARK}a{account_id}"


@lru_cache(1_000)
def _facet(name: str, value: str) -> str:
    digest = blake2b(f"{name} {value}".encode("utf-8", "replace"), digest_size=7)
    return f"{_MARK}f{digest.hexdigest()}"


def _phrases(text: str) -> Iterator[str]:
    """Words and quoted phrases, each in quotes: whatever FTS5 would take for its syntax is text there."""
    chunks = list(_CHUNK.finditer(text[:_MAX_ASKED]))[:MAX_WORDS]
    for match in chunks:
        words = _plain(match[1] or match[2] or "")
        if not any(map(str.isalnum, words)):
            continue
        is_open = match is chunks[-1] and match[2] is not None and _is_beginning(words)
        yield _quoted(words) + ("*" if is_open else "")


def _is_beginning(words: str) -> bool:
    last = re.split(r"[\W_]+", words)[-1]
    return _LEAST_BEGINNING <= len(last) < _MAX_WORD


def _quoted(words: str) -> str:
    return '"' + words.replace('"', " ") + '"'


def _plain(text: str) -> str:
    """Text in words that the tokenizer takes as they are meant here."""
    if not text.isascii():
        text = _SPACELESS.sub(r" \1 ", _UNWANTED.sub(" ", text))
    return _LONG.sub(r"\1", text.replace("\0", " "))
