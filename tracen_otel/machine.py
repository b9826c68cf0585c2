"""What a resource or a span says of the machine and of persons: SDKs and Collectors add it unasked, a page is public.

Detectors of Node, Java, Go, .NET and the Collector tell host and user names, addresses, paths and command lines, with
the keys that stand in them. Keys after OTel's semantic conventions, `docs/resource/`. What an operator names (service,
cloud, Kubernetes, deployment) and what helps to read a trace (runtime, SDK, system, architecture, pid) is told.

Of a span, `user.id` is told: whoever instrumented the program set it, to find a user's traces by. An e-mail address is
not, under that name either, nor whose home directory the code was in. What an agent did with files and hosts is told.
"""

from __future__ import annotations

import operator
import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tracen_otel.model import Attributes, Event, Span

_PRIVATE = ("host.", "process.", "user.", "enduser.", "device.id", "os.description", "container.command")
"""Beginnings of keys. Of hosts and processes all but the harmless: conventions grow. Go's `os.description` has the name
of the host in it."""
_HARMLESS = (
    "host.arch",
    "host.cpu.",
    "host.image.",
    "host.type",
    "process.creation.time",
    "process.parent_pid",
    "process.pid",
    "process.runtime.",
)
_JAEGER = frozenset({"hostname", "ip", "client-uuid"})
"""What Jaeger's clients call it."""
_SERVICE = "service.name"
_FOLDERS_OF_PROGRAM = re.compile(r"(?<=\Aunknown_service:).*[/\\]", re.DOTALL)
"""Of a program that names no service, SDKs tell what it was started as, which may be a path."""

_PERSON = frozenset({"user.email", "user.full_name"})
_IDS = frozenset({"user.id", "enduser.id"})
_CODE = frozenset({"code.filepath", "code.file.path"})
_OF_SPANS = _PERSON | _IDS | _CODE
_ADDRESS = re.compile(r"\s*[^\s@]+@[^\s@]+\s*")
_HOME = re.compile(r"\A(?:file://)?(?:/home|/Users|/?[A-Za-z]:[/\\]Users)[/\\][^/\\]+")
"""After it the path of a file is the same on every machine."""


def without_machine(resource: Attributes) -> Attributes:
    """The attributes of a resource that everybody may know; the same object where that is all of them."""
    name = resource.get(_SERVICE)
    is_path = isinstance(name, str) and _FOLDERS_OF_PROGRAM.search(name) is not None
    if not is_path and not any(map(_is_private, resource)):
        return resource
    return {key: _told(key, value) for key, value in resource.items() if not _is_private(key)}


def without_person(attributes: Attributes) -> Attributes:
    """The attributes of a span or an event that everybody may know; the same object where that is all of them."""
    if attributes.keys().isdisjoint(_OF_SPANS):
        return attributes
    told = {key: _at_home(key, value) for key, value in attributes.items() if not _is_person(key, value)}
    return attributes if told == attributes else told


def event_without_person(event: Event) -> Event:
    """An event alike."""
    told = without_person(event.attributes)
    return event if told is event.attributes else replace(event, attributes=told)


def span_without_person(span: Span) -> Span:
    """A span alike: the same object where its attributes and events tell of nobody."""
    attributes = without_person(span.attributes)
    events = tuple([event_without_person(event) for event in span.events])
    if attributes is span.attributes and all(map(operator.is_, events, span.events)):
        return span
    return replace(span, attributes=attributes, events=events)


def _is_person(key: str, value: Any) -> bool:
    return key in _PERSON or (
        key in _IDS and isinstance(value, str) and _ADDRESS.fullmatch(value) is not None
    )


def _at_home(key: str, value: Any) -> Any:
    return _HOME.sub("~", value) if key in _CODE and isinstance(value, str) else value


def _told(key: str, value: Any) -> Any:
    return _FOLDERS_OF_PROGRAM.sub("", value) if key == _SERVICE and isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _is_private(key: str) -> bool:
    return key in _JAEGER or (key.startswith(_PRIVATE) and not key.startswith(_HARMLESS))
