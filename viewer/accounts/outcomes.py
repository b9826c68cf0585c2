"""What became of requests, in words for whoever sent them: how they ended, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.requests import ACCEPTED, GONE, PARTIAL, UNEXPECTED, Door

DOOR_NAMES = {Door.POST: "POST", Door.OTLP_HTTP: "OTLP/HTTP", Door.OTLP_GRPC: "OTLP/gRPC"}


@dataclass(frozen=True, slots=True)
class Wording:
    """An outcome in a few words, and what its sender can do; "" for nothing."""

    words: str
    advice: str = ""


_KEY = "Send the whole key, as it was copied, as X-Tracen-Key or as Authorization: Bearer."
_AGAIN = "Nothing is wrong with the request: send it again."
_WORDING_BY_OUTCOME = {
    ACCEPTED: Wording("Accepted"),
    PARTIAL: Wording("Taken in part", "The rest was taken; the message says what was left out."),
    GONE: Wording(
        "Broken off", "The sender went away before all of it had come, or the server ended. Send again."
    ),
    UNEXPECTED: Wording(
        "Failed here", "This is our fault, and it has been logged. Send the same again later."
    ),
    "malformed_payload": Wording(
        "Not JSON", "Look at the place that the message names; in a shell, quotes are the usual reason."
    ),
    "invalid_payload": Wording(
        "Wrong fields", "Correct the fields that the message names, then send it again."
    ),
    "invalid_query": Wording("Wrong parameter", "Correct the parameter that the message names."),
    "unauthenticated": Wording("Key missing or unknown", _KEY),
    "too_many_guesses": Wording("Too many wrong keys", f"Wait as long as the message says. {_KEY}"),
    "subscription_missing": Wording(
        "No subscription", "Subscribe where the message says, then send it again."
    ),
    "scope_missing": Wording(
        "Key lacks this scope", "Make a key with that scope, and send it with that one."
    ),
    "idempotency_conflict": Wording(
        "Idempotency-Key used", "Another body came with this Idempotency-Key: send a new one with a new body."
    ),
    "body_too_large": Wording("Too large", "Send less at once: shorter texts, or fewer spans in a batch."),
    "body_too_slow": Wording("Too slow", "Not all of it came in time. Send it again, or less at once."),
    "unsupported_media_type": Wording("Wrong Content-Type", "Send the Content-Type that the message names."),
    "unsupported_encoding": Wording(
        "Unknown compression", "Send it uncompressed, or compressed in a way that the message names."
    ),
    "broken_encoding": Wording("Damaged compression", "What came can not be unpacked. Send it uncompressed."),
    "undecodable_body": Wording(
        "Not OTLP", "Its Content-Type and its body must be the same encoding, protobuf or JSON."
    ),
    "limit_reached": Wording("Too many requests", "Wait as long as the message says, then send it again."),
    "reservations_used_up": Wording("Too many reserved pages", "Send the traces whose pages were asked for."),
    "store_unavailable": Wording("Busy", _AGAIN),
    "over_quota": Wording("Too much at once", "Exporters wait and send again by themselves."),
    "method_not_allowed": Wording("Wrong method", "Send it with POST."),
    "no_such_path": Wording("Wrong path", "Send it to a path that the message names."),
    "no_trace_id": Wording("No trace id", "An OTel trace id is 32 hex digits, and not all zero."),
    "deleted": Wording("Deleted", "This trace was deleted, for good. A new run gets a page of its own."),
}


def wording_of(outcome: str) -> Wording:
    """An outcome in words; of one that is not known here, its name."""
    return _WORDING_BY_OUTCOME.get(outcome) or Wording(outcome.replace("_", " ").capitalize())


def state_of(outcome: str) -> str:
    """good, odd or bad."""
    return {ACCEPTED: "good", PARTIAL: "odd"}.get(outcome, "bad")
