"""What a stored body is, and how one that came over OTLP is read."""

from __future__ import annotations

from enum import StrEnum

from tracen_otel.otlp import Encoding, Signal


class BodyKind(StrEnum):
    """What a stored body is."""

    OTLP_PROTOBUF = "otlp-protobuf"
    OTLP_JSON = "otlp-json"
    OTLP_LOGS_PROTOBUF = "otlp-logs-protobuf"
    OTLP_LOGS_JSON = "otlp-logs-json"
    PAYLOAD = "payload"

    def otlp(self) -> tuple[Encoding, Signal]:
        """How to read an OTLP body. Raises KeyError for a payload."""
        return _OTLP_BY_KIND[self]

    @staticmethod
    def of_otlp(encoding: Encoding, signal: Signal) -> BodyKind:
        """The kind of an OTLP body. Raises KeyError for metrics, which are not kept."""
        return _KIND_BY_OTLP[encoding, signal]


_OTLP_BY_KIND = {
    BodyKind.OTLP_PROTOBUF: (Encoding.PROTOBUF, Signal.TRACES),
    BodyKind.OTLP_JSON: (Encoding.JSON, Signal.TRACES),
    BodyKind.OTLP_LOGS_PROTOBUF: (Encoding.PROTOBUF, Signal.LOGS),
    BodyKind.OTLP_LOGS_JSON: (Encoding.JSON, Signal.LOGS),
}
_KIND_BY_OTLP = {how: kind for kind, how in _OTLP_BY_KIND.items()}
