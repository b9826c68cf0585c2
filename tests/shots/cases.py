"""Every kind of page, by name. To add a case, add a line to CASES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.shots import spans, texts, traces
from tests.shots.sources import At, Beside, Captured, Deleted, Posted, Reserved, Sent, Source
from tests.viewer.samples import HOSTILE, TRICKY, agent_trace, failed_trace, hostile_trace, silent_trace

ROWS = ".timeline summary.row"

Action = Callable[[Page], None]


def unfold(number: int) -> Action:
    """Click the row of a step, by its number on the page, until its body shows."""

    def click(page: Page) -> None:
        page.locator(ROWS).nth(number - 1).click()
        page.locator(f"#step-{number}").wait_for(state="visible")

    return click


def unfold_first_rows(page: Page) -> None:
    """Unfold every row that is there, up to a dozen; the rest of a long page looks the same."""
    for row in page.locator(ROWS).all()[:12]:
        if not row.evaluate("row => row.parentElement.open"):
            row.evaluate("row => row.click()")


@dataclass(frozen=True, slots=True)
class Case:
    """A page worth looking at. `action` leads to a second look; `is_heavy` pages take seconds to draw."""

    name: str
    caption: str
    source: Source
    suffix: str = ""
    action: Action | None = None
    is_heavy: bool = False


FAILED = Posted(failed_trace)
CASES = (
    Case("short", "POST with the documented fields alone", Posted(lambda: traces.SHORT), action=unfold(1)),
    Case("agent", "An agent with model calls and tools", Posted(agent_trace), action=unfold(2)),
    Case("failing", "The second model call failed, and the run", Posted(failed_trace), action=unfold(6)),
    Case(
        "survived",
        "A tool failed, then worked; the agent answered",
        Posted(traces.survived),
        action=unfold(3),
    ),
    Case("masked", "Secrets in prompt and tool were masked", Posted(traces.secretive), action=unfold(2)),
    Case("empty", "No steps, no content", Posted(traces.empty)),
    Case("silent", "Content was not recorded", Posted(silent_trace), action=unfold(2)),
    Case("long-answer", "A runbook of 30 kB", Posted(traces.long_answer), action=unfold(1)),
    Case("conversation", "80 messages in one model call", Posted(traces.long_conversation), action=unfold(1)),
    Case("deep", "40 levels of agents", Posted(traces.deep), action=unfold(30)),
    Case("wide", "300 tools at the same time", Posted(traces.wide), action=unfold(12)),
    Case(
        "night", "5,000 steps with HTTP and database noise", Sent(spans.night_of_invoices), action=unfold(2)
    ),
    Case(
        "arabic",
        "Arabic prompt, answer and names",
        Posted(lambda: traces.in_script(*texts.ARABIC)),
        action=unfold(2),
    ),
    Case(
        "hebrew",
        "Hebrew prompt, answer and names",
        Posted(lambda: traces.in_script(*texts.HEBREW)),
        action=unfold(2),
    ),
    Case("east-asian", "Japanese, Chinese, Korean, emoji", Posted(traces.east_asian), action=unfold(3)),
    Case("hostile", "Markup in every field", Posted(lambda: hostile_trace(HOSTILE)), action=unfold(1)),
    Case(
        "tricky", "Control characters in every field", Posted(lambda: hostile_trace(TRICKY)), action=unfold(1)
    ),
    Case("zalgo", "Combining marks in heaps", Posted(traces.zalgo), action=unfold(1)),
    Case("one-line", "A line of 10 MB", Posted(traces.one_line), is_heavy=True),
    Case("brackets", "A prompt of 1 MB of [", Posted(traces.brackets), is_heavy=True),
    Case("claude-code", "Capture: Claude Code", Captured("claude-code-tool"), action=unfold(2)),
    Case("vercel-ai", "Capture: Vercel AI SDK 7", Captured("vercel-ai-7-agent"), action=unfold(2)),
    Case("google-adk", "Capture: Google ADK", Captured("google-adk-1-tool"), action=unfold(4)),
    Case(
        "langgraph",
        "Capture: LangGraph in Langfuse, a tool fails",
        Captured("langfuse-5-langchain-tool-error"),
    ),
    Case("waiting", "Nothing has arrived", Reserved()),
    Case("waiting-card", "What other pages embed of it", Beside("/embed/{0}", (Reserved(),))),
    Case("running", "The root has not arrived", Sent(spans.running_research), action=unfold(1)),
    Case("found", "A search in it", Sent(spans.night_of_invoices), "?q=kind:llm%20mismatch"),
    Case("zoomed", "A part of its time", Sent(spans.night_of_invoices), "?zoom=2000000-9000000"),
    Case("markdown", "Texts as Markdown", Posted(traces.long_answer), "?text=markdown"),
    Case("step", "A step on a page of its own", Posted(agent_trace), "/steps/2"),
    Case("compared", "Two runs side by side", Beside("/compare/{0}/{1}", (Posted(agent_trace), FAILED))),
    Case("card", "What other pages embed", Beside("/embed/{0}", (FAILED,))),
    Case("home", "The first page", At("/")),
    Case("docs", "The reference", At("/docs")),
    Case("sign-up", "An account, to be made", At("/signup")),
    Case("log-in", "After a sign-up that made none", At("/login?next=/app/start")),
    Case("link-over", "A link that has logged in", At("/login/link?ticket=x")),
    Case("goodbye", "An account was deleted", At("/goodbye")),
    Case("not-found", "404", At("/traces/5JwZsoneThatNeverWas")),
    Case("deleted", "410", Deleted(Posted(agent_trace))),
)
"""In the order of the contact sheets."""

CASE_BY_NAME = {case.name: case for case in CASES}
