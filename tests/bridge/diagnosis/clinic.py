"""Set-ups to be looked at, in this process: doctor's own checks against real servers, with variables that are given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.console import DEFAULT_BASE_URL, on_store
from bridge.diagnosis.environment import Given
from bridge.diagnosis.examination import Examination, Options
from bridge.diagnosis.finding import Finding, Verdict
from bridge.diagnosis.pace import Pace
from bridge.diagnosis.report import conclusion
from tests.bridge.otlp_bodies import fresh_id
from tests.processes import TracenProcess
from viewer.keys import new_key, new_secret
from viewer.store.base import Store
from viewer.store.people import ALL_SCOPES, Scope

GENERAL = "OTEL_EXPORTER_OTLP_ENDPOINT"
OF_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
STRANGE_KEY = new_secret()
"""Well-formed, and nobody's."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in one set-up."""

    findings: tuple[Finding, ...]

    def of(self, check: str, verdict: Verdict | None = None) -> Finding:
        """The one finding of a check, or the one that ended so."""
        found = [one for one in self.findings if one.check == check and verdict in (None, one.verdict)]
        assert len(found) == 1, (check, verdict, self.findings)
        return found[0]

    def failed(self, check: str, found: str, repair: str = "") -> None:
        """Assert that a check failed for a reason, is told as the likeliest cause, and how it is repaired."""
        failure = self.of(check, Verdict.FAILURE)
        assert found in failure.found
        assert repair in "\n".join(failure.repair)
        assert conclusion(self.findings).startswith(f"Likeliest cause ({check}): {failure.found}")

    def warned(self, check: str, found: str, repair: str = "") -> None:
        """Assert that a check ended with a warning, and nothing has failed."""
        warning = self.of(check, Verdict.WARNING)
        assert found in warning.found
        assert repair in "\n".join(warning.repair)
        assert Verdict.FAILURE not in self.verdicts

    @property
    def verdicts(self) -> set[Verdict]:
        return {finding.verdict for finding in self.findings}


def examine(
    variables: Mapping[str, str],
    *,
    endpoint: str = "",
    key: str = "",
    db: str = "/nowhere/t.db",
    is_db_chosen: bool = False,
    posts: bool = True,
    step_s: float = 4.0,
    clock_ns: Callable[[], int] = time.time_ns,
    **more: Any,
) -> Examined:
    """Look at a set-up. `endpoint` and `key`: TRACEN_ENDPOINT and TRACEN_KEY."""
    options = Options(
        Given(endpoint or DEFAULT_BASE_URL, "TRACEN_ENDPOINT" if endpoint else ""),
        Given(key, "TRACEN_KEY" if key else ""),
        db,
        is_db_chosen=is_db_chosen,
        posts=posts,
    )
    examination = Examination(variables, options, clock_ns=clock_ns, pace=Pace(step_s), **more)
    return Examined(tuple(examination.findings()))


def over_http(origin: str, key: str, **more: str) -> dict[str, str]:
    """The variables of a set-up over HTTP that is right."""
    return {GENERAL: origin, HEADERS: f"x-tracen-key={key}"} | more


def over_grpc(origin: str, key: str, **more: str) -> dict[str, str]:
    """The same over gRPC."""
    return over_http(origin, key, **({PROTOCOL: "grpc"} | more))


def add_key(tracen: TracenProcess, *scopes: Scope, is_revoked: bool = False, is_private: bool = False) -> str:
    """Make a key of an account of its own, beside the running server. `is_private`: so its OTLP traces begin."""
    secret, now_ns = new_secret(), time.time_ns()

    async def add(store: Store) -> None:
        account = await store.accounts.create(f"{fresh_id().hex()}@example.com", now_ns)
        key = await store.accounts.add_key(
            account.id, new_key(secret, scopes=frozenset(scopes) or ALL_SCOPES), now_ns
        )
        await store.accounts.set_otlp_private(account.id, is_private)
        if is_revoked:
            await store.accounts.revoke_key(account.id, key.id, now_ns)

    on_store(str(tracen.db), add)
    return secret
