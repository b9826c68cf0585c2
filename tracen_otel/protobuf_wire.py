"""The wire format of protobuf (protobuf.dev, "Encoding"), for what no parser does: to take a message apart without
reading it, so that bytes that are kept are kept as they came.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracen_otel.otlp_wire import UndecodableBody

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Each field's number, all of its bytes, and its payload where it is length-delimited. Raises UndecodableBody."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        payload = None
        wire_type = tag & 7
        if wire_type == _VARINT:
            _, at = _varint(message, at)
        elif wire_type == _LENGTH:
            size, at = _varint(message, at)
            payload = message[at : at + size]
            at += size
        elif wire_type in (_FIXED64, _FIXED32):
            at += 8 if wire_type == _FIXED64 else 4
        else:
            raise UndecodableBody(f"no protobuf: wire type {wire_type} at byte {start}")
        if at > len(message) or tag >> 3 == 0:
            raise UndecodableBody(f"no protobuf: a field at byte {start} runs over the end")
        yield tag >> 3, message[start:at], payload


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for end in range(at, min(at + 10, len(message))):
        value |= (message[end] & 0x7F) << shift
        if message[end] < 0x80:
            return value, end + 1
        shift += 7
    raise UndecodableBody(f"no protobuf: a number at byte {at} does not end")


def delimited(number: int, payload: bytes) -> bytes:
    """A length-delimited field; `number` is below 16."""
    head = bytearray([number << 3 | _LENGTH])
    size = len(payload)
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + payload
