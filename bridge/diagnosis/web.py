"""Requests to one server, each with a wall in time and size. Redirects are not followed: the key would go along."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from bridge.diagnosis.certificate_files import TLSFiles
from bridge.diagnosis.pace import Pace
from tracen_otel.otlp_wire import UndecodableBody
from tracen_otel.protobuf_wire import fields
from tracen_otel.transport import new_pool
from viewer.logs import one_line

logger = logging.getLogger("tracen.diagnosis")

_MAX_BODY_BYTES = 2 * 1024 * 1024
_MAX_WORDS = 160
PROTOBUF = "application/x-protobuf"
_STATUS_MESSAGE = 2
"""The field of google.rpc.Status."""
AGENT = "tracen-doctor"


class Unanswered(Exception):
    """A request to which nothing came that is HTTP. `is_silent`: nothing came at all."""

    def __init__(self, message: str, *, is_silent: bool) -> None:
        super().__init__(message)
        self.is_silent = is_silent


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object in the body; empty where it holds none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.status < 400 and "location" in self.headers

    @property
    def words(self) -> str:
        """What a refusal says of itself: `detail` of problem+json, `message` of a google.rpc.Status."""
        told = self.json()
        words = told.get("detail") or told.get("message") or self._words_in_protobuf()
        return one_line(str(words))[:_MAX_WORDS]

    def _words_in_protobuf(self) -> str:
        if self.media_type != PROTOBUF:
            return ""
        with contextlib.suppress(UndecodableBody):
            told = [
                payload for number, _, payload in fields(self.body) if number == _STATUS_MESSAGE and payload
            ]
            return told[0].decode("utf-8", "replace") if told else ""
        return ""


class Web:
    """A server, asked with one key. Raises OSError where the files of TLS can not be used."""

    def __init__(self, origin: str, pace: Pace, secret: str = "", files: TLSFiles | None = None) -> None:
        self.origin = origin.rstrip("/")
        self._pace = pace
        self._headers = {"user-agent": AGENT, **({"x-tracen-key": secret} if secret else {})}
        self._pool = new_pool(self.origin)
        if files and self.origin.startswith("https:"):
            self._pool.conn_kw["ssl_context"] = files.context()

    def get(self, path: str) -> Answer:
        """Ask for a path, for JSON where there is a choice. Raises Unanswered."""
        return self.ask("GET", self.origin + path, headers={"accept": "application/json"})

    def ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """One request. Raises Unanswered."""
        path = urllib3.util.parse_url(url).request_uri
        try:
            response = self._pool.urlopen(
                method,
                path,
                body,
                self._headers | dict(headers),
                retries=False,
                redirect=False,
                timeout=self._pace.step_s,
                preload_content=False,
            )
            try:
                content = response.read(_MAX_BODY_BYTES)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            is_silent = isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError)
            raise Unanswered(_reason(error), is_silent=is_silent) from None
        logger.debug("%s %s%s: %d", method, self.origin, path, response.status)
        told = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, told, content)

    def close(self) -> None:
        """Let go of what is open."""
        self._pool.close()


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error.__context__ or error
    return one_line(str(cause).rsplit(": ", 1)[-1])[:_MAX_WORDS] or type(cause).__name__
