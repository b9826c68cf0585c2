"""Programs for Node, beside OpenTelemetry's own set-up or with one that they bring along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.frameworks.desk import NONE, Desk, Told
from tests.frameworks.npm import install
from viewer.reference import snippets
from viewer.reference.snippets import Snippet


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """A program in its folder; `script` is what somebody types to start it. `node`: the folder with `node`."""

    desk: Desk
    node: Path
    script: str

    @classmethod
    def installed(
        cls, desk: Desk, node: Path, name: str, snippet: Snippet | None, *, beside: Snippet | None = None
    ) -> NodeProgram:
        """A program of `programs` with a snippet in it, and its packages.

        `beside`: the set-up of the reference that starts it; without one, the program is started as it is. The
        variables that all of them mention are set in any case.
        """
        place = desk.inside(Path(name).stem)
        own = place.put(name, snippet)
        install(place.folder, node, own, *filter(None, (snippet, beside)))
        start = place.text_of(beside).replace("agent.mjs", name) if beside else f"node {name}\n"
        assert name in start
        return cls(place, node, place.text_of(snippets.OTLP) + start)

    def run(self, variables: Mapping[str, str] = NONE, *, succeeds: bool = True, **more: str) -> Told:
        """Start it with these variables in its environment, and wait for its end."""
        return self.desk.run(self.script, {**variables, **more}, [self.node], succeeds=succeeds)
