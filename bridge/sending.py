"""Many spans to a Tracen, over OTLP/HTTP in large requests; what it asks for when it is busy is done.

Spans are told in OTLP/JSON. Whoever sends the same again makes nothing twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from bridge.asking import Server, ServerError

MAX_BODY_BYTES = 4 << 20
"""Of a request, unless one span is more."""
_PATH = "/v1/traces"
_BUSY = (429, 502, 503, 504)
_TOO_MUCH = (400, 413)
_PATIENCE_S = 120.0
_LONGEST_WAIT_S = 30.0


@dataclass(slots=True)
class Batch:
    """Spans by resource and scope, as JSON texts."""

    groups: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    size: int = 0
    count: int = 0
    _around: tuple[Any, Any] = (None, None)
    _group: list[str] = field(default_factory=list)

    def add(self, resource: Mapping[str, Any], scope: Mapping[str, Any], span: Mapping[str, Any]) -> None:
        """Raises RecursionError and ValueError for what JSON can not hold."""
        text = _text(span)
        if not (
            resource is self._around[0] and scope is self._around[1]
        ):  # as a rule they are the last one's
            self._around = resource, scope
            self._group = self.groups.setdefault((_text(resource), _text(scope)), [])
        self._group.append(text)
        self.size += len(text)
        self.count += 1

    def body(self) -> bytes:
        """The request; what no UTF-8 can hold becomes a question mark."""
        told = (
            f'{{"resource":{resource},"scopeSpans":[{{"scope":{scope},"spans":[{",".join(spans)}]}}]}}'
            for (resource, scope), spans in self.groups.items()
        )
        return f'{{"resourceSpans":[{",".join(told)}]}}'.encode("utf-8", "replace")

    def halves(self) -> list[Batch]:
        """The same spans in two batches."""
        spans = [(group, text) for group, texts in self.groups.items() for text in texts]
        middle = len(spans) // 2
        return [_batch_of(part) for part in (spans[:middle], spans[middle:])]


def _batch_of(spans: list[tuple[tuple[str, str], str]]) -> Batch:
    batch = Batch(size=sum(len(text) for _, text in spans), count=len(spans))
    for group, text in spans:
        batch.groups.setdefault(group, []).append(text)
    return batch


_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Sender:
    """Sends to one server. `refused`: spans that it did not take, by what it said."""

    def __init__(
        self,
        server: Server,
        sleep: Callable[[float], object] | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._server = server
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._patience_s = patience_s
        self._is_met = False
        """It answered once, so the address is right, and a server that is gone may come back."""
        self.sent = 0
        self.refused: dict[str, int] = {}

    def send(self, batch: Batch) -> None:
        """Returns once all of it is on disk there, or refused. Raises ServerError where the server can not be asked."""
        if not batch.count:
            return
        answer = self._answer(batch.body())
        if answer.status in _TOO_MUCH and batch.count > 1:
            for half in batch.halves():
                self.send(half)
            return
        self._note(answer, batch.count)

    def _answer(self, body: bytes) -> Any:
        waited_s, attempt = 0.0, 0
        while True:
            is_patient, asked_s = waited_s < self._patience_s, time.monotonic()
            answer = self._answered(body, is_patient)
            if answer is None:  # which may have taken as long as a request may
                waited_s += time.monotonic() - asked_s
            if answer and (answer.status not in _BUSY or not is_patient):
                return answer
            told_s = _seconds(answer.headers.get("retry-after")) if answer else 0.0
            wait_s = min(told_s or 2.0**attempt, _LONGEST_WAIT_S)
            self._sleep(wait_s)
            if self._stopped.is_set():
                raise ServerError("the sending was stopped")
            waited_s, attempt = waited_s + wait_s, min(attempt + 1, 4)

    def _answered(self, body: bytes, is_patient: bool) -> Any:
        """What is answered; None where nothing is, as of a server that is begun again. Raises ServerError."""
        headers = self._server.headers | {"content-type": "application/json"}
        try:
            answer = self._server.ask("POST", _PATH, body=body, headers=headers)
        except ServerError:
            if not self._is_met or not is_patient:
                raise
            return None
        self._is_met = True
        return answer

    def stop(self) -> None:
        """Wait for the server no more: a `send` that does raises ServerError."""
        self._stopped.set()

    def _note(self, answer: Any, count: int) -> None:
        if answer.status == 403:
            raise ServerError(
                f"{self._server.endpoint} does not let this key send traces: it has not the scope `write`; "
                "give one of `tracen keys create --account EMAIL` as TRACEN_KEY",
                403,
            )
        if answer.status == 401:
            raise ServerError(
                f"{self._server.endpoint} refuses the key; give that of "
                "`tracen keys create --account EMAIL` as TRACEN_KEY",
                401,
            )
        if answer.status in _TOO_MUCH:
            self._refuse("the server refuses it as too large, or as no span", count)
        elif answer.status in _BUSY:
            raise ServerError(
                f"{self._server.endpoint} is still busy, or its disk full, after {self._patience_s:.0f} s of waiting "
                f"({answer.status}); what came before is kept, so begin again later",
                answer.status,
            )
        elif answer.status != 200:
            raise ServerError(
                f"{self._server.endpoint}{_PATH} answered {answer.status}; is that a Tracen server?",
                answer.status,
            )
        else:
            rejected = _rejected(answer)
            if rejected:
                self._refuse("the server could not read it", rejected)
            self.sent += count - rejected

    def _refuse(self, reason: str, count: int) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + count


class Ahead:
    """Sends a batch while the next one is made, for a `with` block; at its end all are sent.

    What goes wrong is raised by the next `send`, or at the end.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._pool = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *raised: object) -> None:
        is_all_sent = False
        try:
            if raised[0] is None:
                self._wait()
                is_all_sent = True
        finally:
            if not is_all_sent:  # a Ctrl-C is not kept waiting for a server that is busy
                self._sender.stop()
            self._pool.shutdown(wait=is_all_sent, cancel_futures=True)

    def send(self, batch: Batch) -> None:
        """Returns once the batch before this one is on disk there. Raises ServerError."""
        self._wait()
        self._under_way = self._pool.submit(self._sender.send, batch)

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way:
            under_way.result()


def _seconds(told: str | None) -> float:
    return float(told) if told and told.isascii() and told.isdigit() else 0.0


def _rejected(answer: Any) -> int:
    """Spans of a request that were not taken."""
    try:
        told = answer.json().get("partialSuccess") or {}
        return int(told.get("rejectedSpans") or 0)
    except (ValueError, AttributeError):
        return 0
