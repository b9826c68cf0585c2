"""Pages say what happened, what failed and what is unknown."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from tests.viewer.markup import Element, Page, page_of
from tests.viewer.samples import (
    ANSWER,
    HOSTILE,
    PLAIN,
    QUESTION,
    RESULT,
    TRICKY,
    agent_trace,
    chain_trace,
    failed_trace,
    hostile_trace,
    said,
    silent_trace,
    step,
)
from tracen_otel import payload
from tracen_otel.model import Part, Source, StepKind, Trace, Usage
from viewer.front.home import home_page
from viewer.pages import render, render_message
from viewer.settings import Settings
from viewer.view import View


def rows_of(page: Page) -> list[Element]:
    """The rows of the timeline."""
    return [e for e in page.all("li") if e.attributes.get("id", "").startswith("row-")]


def cycle() -> Trace:
    return Trace("q", "a", steps=(step("a", 0, 1, id="a", parent="b"), step("b", 0, 1, id="b", parent="a")))


SAMPLES = {
    "agent": agent_trace(),
    "failed": failed_trace(),
    "silent": silent_trace(),
    "plain": payload.decode(PLAIN),
    "empty": Trace(),
    "hostile": hostile_trace(HOSTILE),
    "tricky": hostile_trace(TRICKY),
    "chain": chain_trace(100),
    "cycle": cycle(),
}
every_sample = pytest.mark.parametrize("trace", SAMPLES.values(), ids=SAMPLES.keys())


# -- what happened ------------------------------------------------------------------------------------


def test_first_screen_answers_what_happened() -> None:
    """Title, outcome, model, duration, tokens, start and service stand before the timeline."""
    first_screen = page_of(agent_trace()).text.partition("Timeline")[0]
    for words in (
        "invoke_agent planner",
        "Succeeded",
        "gpt-4.1 OpenAI",
        "9.21 s",
        "2,943 in · 498 out",
        "1,536 from cache · 192 reasoning",
        "2 LLM calls · 2 tool calls",
        "24 Nov 2026",
        "travel-agent",
    ):
        assert words in first_screen


def test_prompt_system_and_response_are_quoted_exactly() -> None:
    """The conversation is what was said, to the character."""
    text = "  two  spaces\n\n\tand a tab\n"
    quoted = page_of(replace(agent_trace(), prompt=text, response="\n" + text, system=text * 2)).texts("pre")
    assert {text, "\n" + text, text * 2} <= set(quoted)


@every_sample
def test_every_step_has_a_row_and_an_anchor(trace: Trace) -> None:
    """Each step can be linked to, by its number in reading order."""
    page = page_of(trace)
    ids = [e.attributes["id"] for e in page.elements if re.fullmatch(r"step-\d+", e.attributes.get("id", ""))]
    assert ids == [f"step-{n}" for n in range(1, len(trace.steps) + 1)]
    assert len(page.all("summary")) >= len(trace.steps)


@every_sample
def test_page_is_well_formed(trace: Trace) -> None:
    """Every element is closed in order, ids are unique, and links within the page lead somewhere."""
    page = page_of(trace)
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = {
        e.attributes.get("href", "") for e in page.elements if e.attributes.get("href", "").startswith("#")
    }
    assert {target[1:] for target in targets} <= set(ids)


def test_rows_tell_how_deep_they_are_and_what_hangs_under_them() -> None:
    """What the script makes a tree of, and the row's indent."""
    lines = rows_of(page_of(agent_trace()))
    assert [line.attributes["data-level"] for line in lines] == ["1", "2", "2", "3", "2", "2", "2"]
    assert [line.attributes.get("data-size") for line in lines] == ["6", None, "1", None, None, None, None]


def test_step_shows_its_conversation_with_tools_and_reasoning() -> None:
    """Roles, reasoning, tool calls with arguments, and tool results are told apart."""
    text = page_of(agent_trace()).text
    assert "assistant Reasoning Prices first. Calls search call_1" in text
    assert '{"query": "MAAT ticket price", "limit": 3}' in text
    assert 'Result call_1 [{"title": "MAAT", "price": "11 €"}]' in text


def test_result_of_a_tool_stands_beside_its_call() -> None:
    """Arguments and answer side by side, once; a result without its call stands where it came."""
    page = page_of(agent_trace())
    (pair,) = page.all("div", class_="call-and-result")
    assert "Calls search call_1" in pair.text
    assert "Result call_1" in pair.text
    assert page.text.count('"MAAT", "price"') == 1
    lone = replace(step("chat", 0, 1), input_messages=(RESULT,))
    assert "tool Result call_1" in page_of(Trace("q", "a", steps=(lone,))).text


def test_long_conversation_folds_its_beginning() -> None:
    """The last turns are in view, the earlier ones one click away."""
    messages = tuple(said("user", f"turn {n}") for n in range(9))
    page = page_of(Trace("q", "a", steps=(replace(step("chat", 0, 1), input_messages=messages),)))
    folded = next(e for e in page.all("details") if e.text.strip().startswith("5 earlier messages"))
    assert "turn 4" in folded.text
    assert "turn 5" not in folded.text


def test_media_and_unknown_parts_are_described() -> None:
    """A picture is named, never loaded; a part of an unknown type is shown as it came."""
    parts = (
        Part("media", "image/png, 12 kB"),
        Part("media", "data:image/jpeg;base64," + "A" * 4_000),
        Part("media", value={"data": "AAAA"}),
        Part("server_tool_use", value={"x": 1}),
    )
    message = replace(said("user", ""), parts=parts)
    page = page_of(Trace("q", "a", steps=(replace(step("chat", 0, 1), input_messages=(message,)),)))
    assert "Media image/png, 12 kB Media image/jpeg, 3 kB Media of an unknown kind" in page.text
    assert 'server_tool_use {"x": 1}' in page.text
    assert "AAAA" not in page.text
    assert not page.all("img")


def test_attributes_events_warnings_and_sources_are_listed() -> None:
    """Nothing that was told about a step is withheld."""
    text = page_of(agent_trace()).text
    for words in (
        "gen_ai.request.temperature 0.2",
        "exception after 2.41 s exception.stacktrace Traceback",
        "The span ended before its last event.",
        "model gen_ai.request.model",
    ):
        assert words in text


@pytest.mark.parametrize("key", ["llm.input_messages", "llm.input_messages.0.message.content"])
def test_long_attribute_that_the_step_shows_is_not_repeated(key: str) -> None:
    """The raw messages of each call would double every page."""
    text = "tell me more " * 40
    told = replace(
        step("chat", 0, 1),
        input_messages=(said("user", text),),
        attributes={key: text},
        sources={"input": Source("OpenInference", "llm.input_messages")},
    )
    page = page_of(Trace("q", "a", steps=(told,)))
    assert f"{key} Shown above as input." in page.text
    assert page.html.count(text) == 1


def test_attribute_that_holds_more_than_the_step_shows_is_kept() -> None:
    """Where only a part of an attribute was read, the whole of it is still on the page."""
    whole = "history " * 400
    told = replace(
        step("agent", 0, 1),
        input="history",
        attributes={"all_messages": whole},
        sources={"input": Source("Pydantic AI", "all_messages")},
    )
    assert whole in page_of(Trace("q", "a", steps=(told,))).texts("pre")


def test_unknown_is_not_zero() -> None:
    """What was not told is called unknown."""
    text = page_of(Trace("q", "a", steps=(step("never ended", 0, None),))).text
    assert "Duration unknown" in text
    assert "Tokens unknown" in text
    assert "never ended unknown" in text
    assert "0 ms unknown" not in text


def test_embedding_gives_no_tokens_back() -> None:
    """That is none and not unknown; of an LLM it would be unknown."""
    told = (
        step("embed", 0, 1, kind=StepKind.EMBEDDING, usage=Usage(16, None)),
        step("chat", 1, 1, kind=StepKind.LLM, usage=Usage(17, None)),
    )
    text = page_of(Trace("q", "a", steps=told)).text
    assert "16 → 0" in text
    assert "17 → ?" in text


def test_point_in_time_is_a_ring() -> None:
    """A step whose start alone is known has no bar that would claim a duration."""
    page = page_of(Trace("q", "a", steps=(step("a", 0, 10), step("b", 5, None))))
    assert [e.attributes["cx"] for e in page.all("circle", class_="point")] == ["50.00%"]


def test_plain_payload_makes_a_whole_page() -> None:
    """Names, times and durations are enough for a timeline with bars; no empty columns."""
    page = page_of(payload.decode(PLAIN))
    assert "What is the weather in Paris?" in page.texts("h1")
    assert [e.attributes["width"] for e in page.all("rect", class_="bar")] == ["22.82%", "76.08%"]
    assert "get_weather 420 ms" in page.text
    assert "Tokens" not in page.text.partition("Timeline")[2]


@pytest.mark.parametrize("kind", StepKind)
def test_kind_is_told_by_a_picture_and_a_word(kind: StepKind) -> None:
    """Colour is never the only sign; a step of no known kind needs no word."""
    page = page_of(Trace("q", "a", steps=(replace(step("s", 0, 1), kind=kind),)))
    assert page.all("use", href=f"#kind-{kind}")
    assert page.all("symbol", id=f"kind-{kind}")
    assert bool(page.all("span", class_="row-kind")) == (kind is not StepKind.OTHER)


def test_json_twin_is_linked() -> None:
    """For people in the page, for machines in its head."""
    page = page_of(agent_trace())
    assert page.all("a", href="/traces/1.json?download=1")
    assert page.all("link", rel="alternate", href="/traces/1.json")


def test_notes_of_the_trace_are_shown() -> None:
    """What was odd about the data is said above the conversation."""
    text = page_of(replace(agent_trace(), notes=("The root span never arrived.",))).text
    assert text.index("The root span never arrived.") < text.index(QUESTION)


def test_preview_tells_the_outcome() -> None:
    """A link that is pasted somewhere says what happened, and no crawler keeps the page."""
    page = page_of(agent_trace())
    told = page.all("meta", property="og:description")[0].attributes["content"]
    assert told == f"Succeeded in 9.21 s with gpt-4.1. {' '.join(ANSWER.split())}"
    assert page.all("meta", name="robots", content="noindex, nofollow, noarchive")


# -- failures and silence -----------------------------------------------------------------------------


def test_failure_is_told_first_and_leads_to_its_step() -> None:
    """The message and the innermost step it came from stand before the conversation."""
    page = page_of(failed_trace())
    told = page.all("section", class_="failure is-fatal")[0].text
    assert "RateLimitError: 429, try again in 2 s" in told
    assert "It began in step 6, chat gpt-4.1" in told
    assert "Step 5, get_weather: TimeoutError" in told
    assert page.text.index("The run failed") < page.text.index("Prompt")
    assert "The run failed before it answered." in page.text


def test_survived_failure_does_not_fail_the_run() -> None:
    """A failed step of a successful run is named, and the run still succeeded."""
    page = page_of(agent_trace())
    assert "1 step failed; the run went on Step 5, get_weather" in page.text
    assert "Succeeded" in page.text
    assert not page.all("section", class_="failure is-fatal")


def test_failed_row_says_so_in_words() -> None:
    """The row has a word and the error, not only another colour."""
    rows = page_of(agent_trace()).all("summary", class_="row")
    (told,) = (row.text for row in rows if "get_weather" in row.text)
    assert "Failed TimeoutError: no answer" in " ".join(told.split())


def test_failure_without_any_failed_step_is_still_told() -> None:
    """A payload may say error and nothing more."""
    value = PLAIN | {"status": "error", "error_message": "out of credit", "response": ""}
    assert "The run failed out of credit" in page_of(payload.decode(value)).text


def test_many_failures_are_counted() -> None:
    """The first screen stays one screen."""
    failed = tuple(replace(step(str(n), n, 1), status=failed_trace().status) for n in range(40))
    assert "40 steps failed; the run went on" in page_of(Trace("q", "a", steps=failed)).text
    assert "and 35 more" in page_of(Trace("q", "a", steps=failed)).text


def test_silent_trace_says_how_to_record_content() -> None:
    """Neither prompt nor response is the default of most instrumentations; the page says what to set."""
    text = page_of(silent_trace()).text
    assert "No prompt and no response were recorded" in text
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true" in text
    assert "Spans made by hand hold what they are given: set gen_ai.input.messages" in text
    assert "TRACELOOP_TRACE_CONTENT" not in text  # none of its steps speaks OpenLLMetry's words
    unknown = replace(silent_trace(), steps=(step("chat", 0, 1, kind=StepKind.LLM),))
    assert "TRACELOOP_TRACE_CONTENT=true" in page_of(unknown).text
    assert "were recorded" not in page_of(agent_trace()).text


def test_trace_without_a_model_is_not_blamed_on_settings() -> None:
    """A web request has no prompt to record; the page does not tell its author to switch something on."""
    text = page_of(Trace(title="POST /users", steps=(replace(step("GET", 0, 1), kind=StepKind.HTTP),))).text
    assert "No model took part in this run" in text
    assert "CAPTURE_MESSAGE_CONTENT" not in text


def test_empty_trace_says_so_once() -> None:
    """Without steps there is nothing to explain about models or settings."""
    text = page_of(Trace()).text
    assert "This trace has no steps." in text
    assert "No model took part" not in text
    assert "0 steps" not in text


def test_page_of_a_trace_is_always_the_same() -> None:
    """Rendering depends on the trace alone."""
    assert page_of(agent_trace()).html == page_of(agent_trace()).html


def test_extended_payload_makes_the_same_page() -> None:
    """What was sent as a payload reads like what was assembled here."""
    copy = payload.decode(json.loads(json.dumps(payload.encode(agent_trace()))))
    assert page_of(copy).html == page_of(agent_trace()).html


# -- the other pages ----------------------------------------------------------------------------------


def home(base_url: str) -> str:
    return render(home_page(Settings(base_url=base_url), None, 0))


def test_home_has_three_doors_with_its_own_address() -> None:
    """Exporter, OTLP variables and cURL are ready to paste."""
    text = Page(home("https://tracen.example/")).text
    assert 'TracenSpanExporter( endpoint="https://tracen.example", key="tracen_sk_YOUR_KEY",' in text
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=https://tracen.example " in text
    assert "OTEL_EXPORTER_OTLP_HEADERS=x-tracen-key=tracen_sk_YOUR_KEY" in text
    assert "curl https://tracen.example/api/traces" in text
    assert "X-Tracen-Key: tracen_sk_YOUR_KEY" in text


def test_home_payload_is_one_that_is_accepted() -> None:
    """Whoever pastes the example gets a page, not an error."""
    text = next(text for text in Page(home("http://x")).texts("pre") if text.startswith("curl"))
    body = text[text.index("'{") + 1 : text.rindex("}'") + 1]
    assert payload.decode(json.loads(body)).steps[0].name == "get_weather"


def test_message_tells_status_title_and_detail() -> None:
    """An absent page says why, as text."""
    page = Page(render_message(410, "Deleted", f"Gone: {HOSTILE}"))
    assert "410 Deleted Gone: <script>alert(1)</script>" in page.text
    assert page.all("a", href="/app/traces")
    assert page.all("meta", name="robots")


# -- time ---------------------------------------------------------------------------------------------


def test_gap_in_which_nothing_ran_is_told_and_drawn() -> None:
    """Time that no step accounts for is what somebody looks for."""
    page = page_of(Trace("q", "a", steps=(step("one", 0, 100), step("two", 600, 400))))
    assert "two after a gap of 500 ms" in page.text
    (gap,) = page.all("rect", class_="bar-gap")
    assert (gap.attributes["x"], gap.attributes["width"]) == ("10.00%", "50.00%")


def test_critical_path_is_drawn_where_steps_wait_for_each_other() -> None:
    """Under the bars of those that the whole waited for, with a word on what it is."""
    page = page_of(agent_trace())
    assert "critical path: what the whole run waited for" in page.text
    drawn = [e.inside for e in page.all("rect", class_="critical") if "li" in e.inside]
    assert drawn
    assert not page_of(Trace("q", "a", steps=(step("alone", 0, 5),))).all("rect", class_="critical")


def test_clocks_that_differ_are_told() -> None:
    """A step that begins before the one it is part of was timed by another clock."""
    steps = (step("agent", 100, 500, id="a"), step("remote", 40, 10, parent="a"))
    assert "1 step begins before the step it is part of, by up to 60 ms" in page_of(Trace(steps=steps)).text


def test_zoomed_page_draws_the_stretch_alone() -> None:
    """Bars are cut at its ends, and the axis counts from the start of the trace."""
    trace = Trace("q", "a", steps=(step("one", 0, 100), step("two", 600, 400)))
    page = page_of(trace, View("1", zoom_us=(500_000, 1_000_000)))
    (bar,) = page.all("rect", class_="bar")
    assert (bar.attributes["x"], bar.attributes["width"]) == ("20.00%", "80.00%")
    assert "Showing 500 ms to 1.00 s" in page.text


def test_minimap_stands_for_every_row() -> None:
    """A lane for each share of a long timeline; what failed in it is seen."""
    trace = many(400)
    failed = replace(trace.steps[200], status=failed_trace().status)
    page = page_of(replace(trace, steps=(*trace.steps[:200], failed, *trace.steps[201:])))
    assert len(page.all("rect", class_="lane is-failed")) == 1
    assert len([e for e in page.all("rect") if e.attributes.get("class", "").startswith("lane ")]) == 48
    assert not page_of(many(20)).all("svg", class_="minimap")


# -- large traces -------------------------------------------------------------------------------------


def many(count: int) -> Trace:
    return Trace("q", "a", steps=tuple(step(f"step {n}", n, 1, id=f"s{n}") for n in range(1, count + 1)))


def test_page_of_very_many_steps_sends_the_first_and_leads_to_the_others() -> None:
    """Every step can be reached without a script, and a page stays small."""
    page = page_of(many(2_005))
    assert "2,005 steps" in page.text
    assert len(rows_of(page)) == 100
    links = [e.attributes["href"] for e in page.all("a") if "Steps" in e.text and " to " in e.text]
    assert links == [f"?from={n}#timeline" for n in range(101, 2_005, 100)]
    assert len(page.html) < 200_000


def test_page_of_a_step_far_down_has_its_rows_and_its_body() -> None:
    """`?step=` is what links to steps beyond the first rows use."""
    page = page_of(many(2_005), View("1", step=1_234))
    assert page.all("li", id="row-1234")
    assert "What step 1234 did" not in page.text
    assert "What step 1299 did" in page.text or not page.all("li", id="row-1299")
    assert not page.all("li", id="row-1")


def test_links_to_steps_that_are_not_on_the_page_lead_to_their_rows() -> None:
    """A failure of step 1,500 is named on the first screen, and found."""
    trace = many(2_000)
    failed = replace(trace.steps[1_499], status=failed_trace().status, error_message="boom")
    page = page_of(replace(trace, steps=(*trace.steps[:1_499], failed, *trace.steps[1_500:])))
    (link,) = [e for e in page.all("a") if "Step 1500" in e.text]
    assert link.attributes["href"] == "/traces/1?step=1500#step-1500"


def test_page_of_very_many_notes_is_bounded_and_says_so() -> None:
    """Notes are a stranger's too."""
    page = page_of(Trace("q", "a", notes=tuple(f"odd {n}" for n in range(1000))))
    assert "980 more notes" in page.text
    assert "odd 500" not in page.text
