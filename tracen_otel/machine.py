"""What a resource says of the machine and of whoever runs it: SDKs and Collectors add it unasked, a page is public.

Detectors of Node, Java, Go, .NET and the Collector tell host and user names, addresses, paths and command lines, with
the keys that stand in them. Keys after OTel's semantic conventions, `docs/resource/`. What an operator names (service,
cloud, Kubernetes, deployment) and what helps to read a trace (runtime, SDK, system, architecture, pid) is told.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from tracen_otel.model import Attributes

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


def without_machine(resource: Attributes) -> Attributes:
    """The attributes of a resource that everybody may know; the same object where that is all of them."""
    name = resource.get(_SERVICE)
    is_path = isinstance(name, str) and _FOLDERS_OF_PROGRAM.search(name) is not None
    if not is_path and not any(map(_is_private, resource)):
        return resource
    return {key: _told(key, value) for key, value in resource.items() if not _is_private(key)}


def _told(key: str, value: Any) -> Any:
    return _FOLDERS_OF_PROGRAM.sub("", value) if key == _SERVICE and isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _is_private(key: str) -> bool:
    return key in _JAEGER or (key.startswith(_PRIVATE) and not key.startswith(_HARMLESS))
