"""A trace as it is delivered: what its page shows, as a payload that the endpoint takes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace

from tracen_otel.assemble import ROOT_MISSING
from tracen_otel.model import WORKING_KINDS, Trace
from tracen_otel.payload import MAX_BODY_BYTES, dumps, encode
from tracen_otel.redact import Redaction
from tracen_otel.shrink import forms
from viewer.sharing.masks import digest_of
from viewer.store.base import BodyKind, Page, Telling
from viewer.store.deliveries import Outgoing
from viewer.tellings import trace_of
from viewer.workers import run_sized, size_with_masks


@dataclass(frozen=True, slots=True)
class Parcel:
    """What came of packing a trace. `body`: None where no form of it is small enough, or none was wanted yet.

    `has_root`: it may be finished. `is_wanted`: a model, agent or tool was at work in it.
    """

    has_root: bool
    is_wanted: bool
    body: bytes | None = None

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.body or b"").digest()


async def parcel_of(
    telling: Telling, page: Page, *, redacts: bool, is_extended: bool, needs_root: bool, max_bytes: int | None
) -> Parcel:
    """Pack what was received of a page's trace; with `needs_root` nothing of one that lacks it."""
    size = size_with_masks(sum(len(body) for _, body in telling.bodies), page.masks)
    most = min(max_bytes or MAX_BODY_BYTES, MAX_BODY_BYTES)
    return await run_sized(
        size, packed, telling, page.otel_trace_id.hex(), redacts, page.masks, is_extended, needs_root, most
    )


def packed(
    telling: Telling,
    otel_trace_id: str,
    redacts: bool,
    masks: tuple[str, ...],
    is_extended: bool,
    needs_root: bool,
    max_bytes: int,
) -> Parcel:
    """The same, on the spot."""
    trace = trace_of(telling, otel_trace_id, Redaction(redacts), masks)
    parcel = Parcel(_has_root(trace, telling), any(step.kind in WORKING_KINDS for step in trace.steps))
    if needs_root and not parcel.has_root:
        return parcel
    # A post that told no id has one here, so that its page there is the same one next time.
    body = _body_of(replace(trace, otel_trace_id=otel_trace_id), is_extended, max_bytes)
    return replace(parcel, body=body)


def outgoing_of(parcel: Parcel, telling: Telling, page: Page, *, is_extended: bool) -> Outgoing:
    """What is sent, under a key of its own: two traces may well tell the same."""
    return Outgoing(
        secrets.token_hex(16),
        parcel.body or b"",
        telling.version,
        is_extended,
        parcel.digest,
        digest_of(page.masks),
    )


def _has_root(trace: Trace, telling: Telling) -> bool:
    if any(kind is BodyKind.PAYLOAD for kind, _ in telling.bodies):
        return True
    return bool(trace.steps) and ROOT_MISSING not in trace.notes


def _body_of(trace: Trace, is_extended: bool, max_bytes: int) -> bytes | None:
    """The largest form that is small enough."""
    bodies = (dumps(encode(form, extended=is_extended)) for form in forms(trace))
    return next((body for body in bodies if len(body) <= max_bytes), None)
