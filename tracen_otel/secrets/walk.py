"""The walk through a value whose texts and names may hold secrets: what is masked in it is replaced, and counted.

What comes back is the same object wherever nothing was found. Knows no SDK, and no span but by its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracen_otel.model import Attributes, Event, Scope
from tracen_otel.secrets.absence import MAX_CARD, MAX_DEPTH, MIN_CARD, SHORT_NAME, VALUES_OF_PAIRS
from tracen_otel.secrets.names import is_flag, is_secret_name, may_be_secret
from tracen_otel.secrets.places import CREDENTIAL, Found
from tracen_otel.secrets.schemas import is_schema, tells_owner, tells_value
from tracen_otel.secrets.shapes import is_credential, looks_secret

_TOO_DEEP = "[withheld: nested too deep]"


class Walk:
    """One walk. `mask` gives a text with its secrets masked, and how many those were; `count` is of all so far."""

    __slots__ = ("_mask", "count")

    def __init__(self, mask: Callable[[str], tuple[str, int]]) -> None:
        self._mask = mask
        self.count: int = 0

    def text(self, text: str) -> str:
        masked, count = self._mask(text)
        self.count += count
        return masked

    def mapping(self, value: Attributes) -> Attributes:
        before = self.count
        masked = self._members(value, MAX_DEPTH)
        return value if self.count == before else masked

    def scope(self, scope: Scope) -> Scope:
        before = self.count
        name, version = self.text(scope.name), self.text(scope.version)
        return scope if self.count == before else Scope(name, version)

    def events(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        before = self.count
        masked = tuple([self.event(event) for event in events])
        return events if self.count == before else masked

    def event(self, event: Event) -> Event:
        before = self.count
        name, attributes = self.text(event.name), self.mapping(event.attributes)
        body = self.value(event.body, MAX_DEPTH)
        if self.count == before:
            return event
        return replace(event, name=name, attributes=attributes, body=body)

    def value(self, value: Any, depth: int) -> Any:
        """A value of any shape. The same object where nothing is found in it."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        if depth == 0:
            self.count += 1
            return _TOO_DEEP
        before = self.count
        if isinstance(value, Mapping):
            members = self._members(value, depth - 1)
            return value if self.count == before else members
        if isinstance(value, list | tuple):
            items = self._items(value, depth - 1)
            return value if self.count == before else items
        return value

    def _items(self, items: Sequence[Any], depth: int) -> list[Any]:
        """The items of a list; among them pairs of a header's name and its value, and words of a command line."""
        are_pairs = all(isinstance(item, list | tuple) and len(item) == 2 for item in items)
        masked: list[Any] = []
        for index, item in enumerate(items):
            if index and isinstance(item, str) and self._is_announced(items, index):
                masked.append(self._named(item, depth))
            elif index and isinstance(item, str) and item[:1] == "-" and "=" in item[:SHORT_NAME]:
                masked.append(self._option(item))
            elif are_pairs and isinstance(item[0], str) and is_secret_name(item[0]):
                masked.append([self.text(item[0]), self.member(item[0], item[1], depth)])
            else:
                masked.append(self.value(item, depth))
        return masked

    def _option(self, item: str) -> str:
        """A word of a command line such as `--password=…`."""
        name, _, value = item.partition("=")
        if not is_flag(name) or not is_credential(value):
            return self.text(item)
        self.count += 1
        return f"{name}={_mask_of(CREDENTIAL)}"

    def _is_announced(self, items: Sequence[Any], index: int) -> bool:
        name, value = items[index - 1], items[index]
        if not isinstance(name, str) or len(name) > SHORT_NAME or value[:1] == "-":
            return False
        if is_flag(name):
            return True
        return len(items) == 2 and is_secret_name(name) and looks_secret(name, value)

    def _members(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {
            self.text(str(name)): self.member(
                _name_in_pair(value, name) if name in VALUES_OF_PAIRS else str(name), item, depth
            )
            for name, item in value.items()
        }

    def member(self, name: str, value: Any, depth: int) -> Any:
        """A value with its name, which may say that it is secret, or an id and no number of a card."""
        if isinstance(value, str | int) and name[-2:].lower() == "id" and str(value).isdigit():
            return value
        if isinstance(value, str | bytes | list | tuple | Mapping):
            if is_secret_name(name):
                return self._named(value, depth)
            if may_be_secret(name):
                return self._named(value, depth, name)
        return self.value(value, depth)

    def ids(self, value: Any) -> Any:
        """Names with ids under them."""
        if not isinstance(value, Mapping):
            return self.value(value, MAX_DEPTH)
        return {self.text(name): self.member("id", item, MAX_DEPTH) for name, item in value.items()}

    def _named(self, value: Any, depth: int, doubtful: str = "") -> Any:
        """What stands under a secret name: it is masked whatever it looks like, unless the name is `doubtful`."""
        if isinstance(value, Mapping | list | tuple) and depth == 0:
            return self.value(value, 0)
        if isinstance(value, Mapping):
            before = self.count
            told = self._members if is_schema(value) else self._members_of_secret
            members = told(value, depth - 1)
            return value if self.count == before else members
        if isinstance(value, list | tuple):
            before = self.count
            items = [self._item_of_secret(item, depth - 1, doubtful) for item in value]
            return value if self.count == before else items
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if not isinstance(text, str) or not (
            looks_secret(doubtful, text) if doubtful else is_credential(text)
        ):
            return self.value(value, depth)
        self.count += 1
        mask = _mask_of(CREDENTIAL)
        return mask if isinstance(value, str) else mask.encode()

    def _item_of_secret(self, value: Any, depth: int, doubtful: str) -> Any:
        """Objects in a list of what may be tokens are pieces of a text, more often than not."""
        if doubtful and isinstance(value, Mapping):
            return self.value(value, depth)
        return self._named(value, depth, doubtful)

    def _members_of_secret(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        """The members of an object under a secret name: `{"value": …}`, `{"bearer": …}`, not who and where."""
        return {
            self.text(str(name)): self._member_of_secret(str(name), item, depth)
            for name, item in value.items()
        }

    def _member_of_secret(self, name: str, value: Any, depth: int) -> Any:
        if is_secret_name(name) or may_be_secret(name) or tells_owner(name):
            return self.member(name, value, depth)
        return self._named(value, depth, "" if tells_value(name) else name)

    def _integer(self, value: int) -> Any:
        if not MIN_CARD <= value < MAX_CARD:
            return value
        text, digits = self.text(str(value)), str(value)
        return value if text == digits else text

    def _bytes(self, value: bytes) -> bytes:
        """Bytes are looked through as the text that they may be."""
        before = self.count
        masked = self.text(value.decode("latin-1"))
        return value if self.count == before else masked.encode("latin-1", "replace")


def _name_in_pair(pair: Mapping[Any, Any], otherwise: str) -> str:
    """The name of a header where it is written as a pair: `{"name": "x-api-key", "value": …}`."""
    name = pair.get("key", pair.get("name"))
    return name if isinstance(name, str) else otherwise


def replaced(text: str, found: Sequence[Found]) -> str:
    """The text with words in the place of what was found, in order."""
    pieces: list[str] = []
    at = 0
    for secret in found:
        pieces += (text[at : secret.start], secret.quote, _mask_of(secret.kind), secret.quote)
        at = secret.end
    return "".join((*pieces, text[at:]))


def _mask_of(kind: str) -> str:
    return f"[masked: {kind}]"
