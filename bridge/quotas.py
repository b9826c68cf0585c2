"""What one account may send over OTLP. The hourly limit of posts never applies: senders drop what waits so long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viewer.store.base import Store

RETRY_AFTER_S = 3
"""Senders give a batch some ten seconds in all."""
_WINDOW_S = 60.0


class OverQuota(Exception):
    """The account has sent or keeps too much; the message says which."""

    retry_after_s = RETRY_AFTER_S


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Quotas:
    """Bytes in a minute (a token bucket in memory) and bytes on disk, for each account. 0 is no limit."""

    def __init__(
        self, store: Store, bytes_per_minute: int, max_bytes: int, monotonic_s: Callable[[], float]
    ) -> None:
        self._store = store
        self._bytes_per_minute = bytes_per_minute
        self._max_bytes = max_bytes
        self._monotonic_s = monotonic_s
        self._buckets: dict[str, _Bucket] = {}

    async def check(self, account_id: str) -> None:
        """Raise OverQuota where nothing more is taken now. Asked before a body is read, so that refusing is cheap."""
        if self._bytes_per_minute and self._bucket(account_id).left <= 0:
            raise OverQuota(f"the account sends more than {self._bytes_per_minute} bytes a minute")
        if self._max_bytes and await self._store.stored_bytes(account_id) >= self._max_bytes:
            raise OverQuota(f"the account keeps {self._max_bytes} bytes, which is all it may; delete traces")

    def charge(self, account_id: str, size: int) -> None:
        """Count a body that was taken; it may be larger than what was left."""
        if self._bytes_per_minute:
            self._bucket(account_id).left -= size

    def _bucket(self, account_id: str) -> _Bucket:
        now_s = self._monotonic_s()
        bucket = self._buckets.setdefault(account_id, _Bucket(self._bytes_per_minute, now_s))
        refilled = bucket.left + (now_s - bucket.at_s) * self._bytes_per_minute / _WINDOW_S
        bucket.left, bucket.at_s = min(float(self._bytes_per_minute), refilled), now_s
        return bucket
