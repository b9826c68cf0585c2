"""Keys and requests as the settings list them: records in, what the page says out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from viewer import wording
from viewer.accounts.key_contexts import KeyCard, NamedPaste, RequestLine
from viewer.accounts.outcomes import DOOR_NAMES, state_of, wording_of
from viewer.accounts.recency import moment_of
from viewer.legible import one_line
from viewer.reference.snippets import PLACEHOLDER, Snippet
from viewer.requests import RequestRecord
from viewer.store.base import NS_PER_S, Quota
from viewer.store.people import Key, Scope

_SCOPES_IN_WORDS = {
    frozenset({Scope.WRITE, Scope.READ}): "write, read and delete",
    frozenset({Scope.WRITE}): "write only",
    frozenset({Scope.READ}): "read only",
}
MAX_LABEL = 100
_MAX_MESSAGE = 600
_OF_A_RUN = "tracen run "
"""How the keys begin that the command makes for a run, and revokes at its end."""


def name_of(key: Key) -> str:
    """What its owner calls a key; those of the command line need not have a name."""
    return one_line(key.label, MAX_LABEL) or "Key without a name"


def card_of(key: Key, quota: Quota, now_ns: int) -> KeyCard:
    """A key of the list. `quota`: what it has left."""
    is_expired = not key.is_valid_at(now_ns)
    may_write = Scope.WRITE in key.scopes and not is_expired
    used = max(quota.limit.count - quota.remaining, 0)
    return KeyCard(
        name=name_of(key),
        hint=key.hint,
        scopes=_SCOPES_IN_WORDS.get(key.scopes, "nothing"),
        created=moment_of(key.created_ns, now_ns),
        last_used=moment_of(key.last_used_ns, now_ns) if key.last_used_ns else None,
        usage=f"{used:,} of {quota.limit.count:,}" if may_write else "",
        usage_more=_more(quota),
        is_used_up=not quota.remaining,
        until=moment_of(key.expires_ns, now_ns) if key.expires_ns else None,
        is_expired=is_expired,
        can_rotate=key.expires_ns is None,
        revoke_url=f"/app/keys/{key.id}/revoke",
        rotate_url=f"/app/keys/{key.id}/rotate",
    )


def _more(quota: Quota) -> str:
    """`88 left, one more in 12 min 05 s`."""
    if quota.remaining >= quota.limit.count:
        return ""
    left = f"{quota.remaining:,} left" if quota.remaining else "none left"
    return f"{left}, one more in {wording.duration(quota.reset_s * NS_PER_S)}"


def lines_of(records: Sequence[RequestRecord], keys: Sequence[Key], now_ns: int) -> Iterator[RequestLine]:
    """What became of requests, in their order."""
    name_by_key = {key.id: one_line(key.label, MAX_LABEL) or key.hint for key in keys}
    for record in records:
        yield _line(record, name_by_key, now_ns)


def _line(record: RequestRecord, name_by_key: Mapping[str, str], now_ns: int) -> RequestLine:
    told = wording_of(record.outcome)
    return RequestLine(
        at=moment_of(record.received_ns, now_ns),
        door=DOOR_NAMES[record.door],
        status=record.status,
        state=state_of(record.outcome),
        outcome=told.words,
        message=record.message[:_MAX_MESSAGE],
        advice=told.advice,
        url=record.url or "",
        key=name_by_key.get(record.key_id or "") or _name_of_revoked(record),
    )


def _name_of_revoked(record: RequestRecord) -> str:
    """`tracen run python agent.py (ended)`: what ended in order must not look like a breach."""
    name = one_line(record.key_name, MAX_LABEL)
    if name.startswith(_OF_A_RUN):
        return f"{name} (ended)"
    return f"{name} (revoked)" if name else "a key that was revoked"


def pastes_of(
    snippets: Sequence[Snippet], base_url: str, secret: str | None, now_ns: int
) -> tuple[NamedPaste, ...]:
    """Snippets with a key in them; without one, with a word in its place."""
    at = datetime.fromtimestamp(now_ns // NS_PER_S, UTC)
    return tuple(
        NamedPaste(snippet.title, snippet.note, snippet.paste(base_url, secret or PLACEHOLDER, at))
        for snippet in snippets
    )
