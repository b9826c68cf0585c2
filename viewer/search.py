"""Search within one trace: words, and `kind:tool status:error model:gpt-4.1 name:search`, all of which must hold.

Words are looked for in everything that a step says, without regard to case. Knows nothing of HTML or of the store.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracen_otel.model import StepKind
from viewer.timeline.outline import Entry

_CONTEXT = 60
"""Characters of a text that are shown on each side of what was found."""
_MAX_WORDS = 12
_ALIASES = {"database": "db", "llm call": "llm", "failed": "error", "ok": "success"}


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, in small letters."""

    words: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    status: str = ""
    model: str = ""
    name: str = ""

    @property
    def reads_steps(self) -> bool:
        """Whether the rows alone can not answer."""
        return bool(self.words)

    def may_match(self, entry: Entry) -> bool:
        """Whether a row fits, apart from the words."""
        if self.kinds and entry.kind not in self.kinds:
            return False
        if self.status and entry.is_failed is not (self.status == "error"):
            return False
        return self.model in entry.model.casefold() and self.name in entry.name.casefold()


@dataclass(frozen=True, slots=True)
class Match:
    """A step that was found. `where` names the field; the words stand between `before` and `after`."""

    number: int
    where: str = ""
    before: str = ""
    words: str = ""
    after: str = ""


def parse_query(text: str) -> Query:
    """Read a query; what is no known `name:value` is a word. Words in quotes are one."""
    words: list[str] = []
    kinds: set[str] = set()
    told = {"status": "", "model": "", "name": ""}
    for token in _tokens(text):
        name, colon, value = token.partition(":")
        value = _ALIASES.get(value.casefold(), value.casefold())
        if colon and name == "kind" and value in set(StepKind):
            kinds.add(value)
        elif colon and name in told and value and (name != "status" or value in ("error", "success")):
            told[name] = value
        else:
            words.append(token.casefold())
    return Query(tuple(words[:_MAX_WORDS]), frozenset(kinds), **told)


def _tokens(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is not closed
        return text.split()


def find(query: Query, body: str, first: int, entries: Mapping[int, Entry]) -> Iterator[Match]:
    """Search the steps of one saved part, a JSON array whose first step has the number `first`."""
    patterns = [re.compile(re.escape(_as_json(word)), re.IGNORECASE) for word in query.words]
    if not all(pattern.search(body) for pattern in patterns):
        return
    for number, step in enumerate(json.loads(body), start=first):
        if number in entries and query.may_match(entries[number]):
            match = _match(query, number, step)
            if match is not None:
                yield match


def _as_json(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)[1:-1]


def _match(query: Query, number: int, step: Mapping[str, Any]) -> Match | None:
    """The first place of each word is looked for; the first word's is shown."""
    texts = list(_texts(step, ""))
    found = Match(number)
    for index, word in enumerate(query.words):
        pattern = re.compile(re.escape(word), re.IGNORECASE)
        place = next(((where, text, hit) for where, text in texts if (hit := pattern.search(text))), None)
        if place is None:
            return None
        if index == 0:
            found = _shown(number, *place)
    return found


def _shown(number: int, where: str, text: str, hit: re.Match[str]) -> Match:
    start, end = max(0, hit.start() - _CONTEXT), hit.end() + _CONTEXT
    before = ("…" if start else "") + text[start : hit.start()]
    return Match(number, where, before, hit[0], text[hit.end() : end] + ("…" if end < len(text) else ""))


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text in a step with the name of the field that it stands in; keys of attributes are texts too."""
    pending = [(where, value)]
    while pending:
        where, value = pending.pop()
        if isinstance(value, str):
            yield where, value
        elif isinstance(value, dict):
            for key, item in reversed(value.items()):
                path = where or key
                if where == "attributes":
                    pending.append((where, key))
                    path = key
                pending.append((path, item))
        elif isinstance(value, list):
            pending += [(where, item) for item in reversed(value)]
        elif value is not None and not isinstance(value, bool):
            yield where, str(value)
