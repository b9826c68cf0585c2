"""What the owner of a trace has masked is nowhere: not in a text, a key, a number or JSON in a string, in any form."""

from __future__ import annotations

import base64
import json
import sys
import tracemalloc
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from types import FrameType
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings, strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.viewer.samples import HOSTILE, agent_trace, hostile_trace, step
from tracen_otel import payload
from tracen_otel.model import Event, Message, Part, Source, StepKind, Trace
from tracen_otel.redact import Redaction
from viewer import document, trace_page
from viewer.cards import card_of
from viewer.compare.page import render_compare
from viewer.document import Document
from viewer.forms import markdown, otlp_json, perfetto
from viewer.search import parse_query
from viewer.sharing.masks import MARK, Both, Masks, cleaned, digest_of
from viewer.sharing.spellings import _TOKEN
from viewer.store.base import BodyKind, Telling
from viewer.tellings import trace_of
from viewer.view import View

TRACE_ID = "01" * 16


def masked(text: str, *masks: str) -> str:
    return Masks(masks).text(text)[0]


# -- in a text -----------------------------------------------------------------------------------------


def test_mask_stands_in_every_place_and_is_counted() -> None:
    """Beside one another too; a text without it is the same object."""
    masks = Masks(("Ada",))
    assert masks.text("Ada, AdaAda and ada") == (f"{MARK}, {MARK}{MARK} and {MARK}", 4)
    text = "nobody"
    assert masks.text(text)[0] is text
    assert Masks(()).text(text) == (text, 0)


def test_masks_that_overlap_leave_nothing_of_either() -> None:
    """Whichever is longer, wherever they begin, and one with itself."""
    assert masked("my key is abcdef!", "abcd", "cdef") == f"my key is {MARK}!"
    assert masked("abcdef", "bcde", "abcdef") == MARK
    assert masked("aaaaa.", "aaaa") == f"{MARK}."


@pytest.mark.parametrize(
    "mask", ["line one\nline two", 'say "hi" \\ now', "tab\there", "Zoë 🙂 <b>", "a/b & c", "\x00\x1b[31m"]
)
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("ascii_alone", [True, False])
def test_mask_is_found_in_json_in_a_string(mask: str, depth: int, ascii_alone: bool) -> None:
    """To any depth, however an encoder spells it; what is JSON stays JSON."""
    value: Any = {"before": 1, "text": f"<< {mask} >>", "after": [2]}
    for _ in range(depth):
        value = json.dumps(value, ensure_ascii=ascii_alone)
    told = Masks((mask,)).json(value)[0]
    for _ in range(depth):
        told = json.loads(told)
    assert told == {"before": 1, "text": f"<< {MARK} >>", "after": [2]}


def test_other_encoders_escape_more() -> None:
    """Go escapes `<`, PHP escapes `/`; newlines may be CRLF; letters may be composed or not."""
    assert masked(r"{\"a\": \"\u003cb\u003E\"}", "<b>") == rf"{{\"a\": \"{MARK}\"}}"
    assert masked(r"http:\/\/ada.example", "//ada.example") == f"http:{MARK}"
    assert masked("one\r\ntwo", "one\ntwo") == MARK == masked(r"one\r\ntwo", "one\ntwo")
    name = "Zoë Müller"
    for spelled in ("NFC", "NFD"):
        for mask in ("NFC", "NFD"):
            assert masked(unicodedata.normalize(spelled, name), unicodedata.normalize(mask, name)) == MARK


def test_mask_that_begins_within_an_escape_takes_it_along() -> None:
    """`\\nacht` is a newline before `acht`, or a folder: what is left is JSON in both cases."""
    assert json.loads(masked(json.dumps({"a": "x\nacht"}), "nacht")) == {"a": f"x{MARK}"}


def test_marks_are_not_masked() -> None:
    """They say what stood there; one that a mask reaches into goes with it."""
    text = "key [masked: OpenAI key] end"
    assert masked(text, "masked") == text
    assert masked(text, "key [mask") == f"{MARK} end"
    assert masked(f"{text} {text}", "key] end key [mask") == f"key {MARK} end"
    assert masked(text, "key [masked: OpenAI key] end") == MARK
    assert masked("a [masked: by its owner] b", "owner") == "a [masked: by its owner] b"


def test_text_of_a_form_is_kept_as_it_was_meant() -> None:
    """Browsers send CRLF, and a selection ends with a newline."""
    assert cleaned(" one\r\ntwo\r\n") == "one\ntwo"
    assert digest_of(()) == ""
    assert digest_of(("a",)) != digest_of(("b",)) != digest_of(("a", "b"))


@pytest.mark.parametrize(
    ("mask", "spelled"),
    [
        ("Ada Lovelace", "ADA lovelace"),
        ("Ada Lovelace", "Ada\u00a0Lovelace"),
        ("Ada Lovelace", "Ada \n\t Lovelace"),
        ("Ada Lovelace", "Ada%20Lovelace"),
        ("Ada Lovelace", "Ada+Lovelace"),
        ("Ada Lovelace", "Ada&nbsp;Lovelace"),
        ("Ada Lovelace", r"Ada\\nLovelace"),
        ("Ada Lovelace", "A\u00adda Love\u200blace"),
        ("ada@team.example", "Ada%40Team.example"),
        ("ada@team.example", "ada&#64;team.example"),
        ("ada@team.example", "ada&#x40;team.example"),
        ("ada@team.example", r"ada\u0040team.example"),
        ("ada%40team.example", "ada@team.example"),
        ("O'Neil", "O\u2019Neil"),
        ("O'Neil", "O&#39;Neil"),
        ("1-2-3-4", "1\u20132\u20113\u20144"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("Zoë Müller", "ZO%C3%8B M%c3%bcller"),
        ("Zoë Müller", "Zoe\\u0308 Mu\u0308ller"),
        ("Zoë Müller", "Zo&euml; M&uuml;ller"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("Строка", "СТРОКА"),
        ("한국 사람", unicodedata.normalize("NFD", "한국 사람")),
        ("🙂🙂🙂🙂", r"\\ud83d\\ude42" * 3 + "%F0%9F%99%82"),
        ("C:\\new\\Old", r"c:\\\\NEW\\old".lower()),
    ],
)
def test_mask_is_found_however_it_is_spelled(mask: str, spelled: str) -> None:
    """What differs in spelling alone is the same text: nothing of it is left, and nothing beside it goes."""
    assert masked(f"<< {spelled} >>", mask) == f"<< {MARK} >>"


def test_mask_is_found_where_it_shares_what_spells_a_character() -> None:
    """As it is written it is found in any case; JSON stays JSON, and no half of an escape is left."""
    assert masked("y%2026", "2026") == f"y%{MARK}"
    assert json.loads(masked(json.dumps("an é9clair"), "00e99clair")) == f"an {MARK}"
    assert json.loads(masked(json.dumps("nacht.\nacht über"), "nacht über")) == f"nacht.{MARK}"
    assert json.loads(masked(json.dumps('C:\\home\\"'), "home\\")) == f'C:\\{MARK}\\"'
    assert json.loads(masked(json.dumps("up 5%2026\n£"), "2026\n£")) == f"up 5%{MARK}"
    assert json.loads(masked(json.dumps("a\\\n0<1"), "\\\n0<1")) == f"a\\\n{MARK}"
    assert json.loads(masked(json.dumps("\n\n\nacht\nzig"), "nacht\nzig")) == f"\n\n{MARK}"


def test_mask_does_not_find_what_only_resembles_it() -> None:
    """Other letters, accents, words run together."""
    for mask, text in [
        ("Andre", "André"),
        ("Ada Lovelace", "AdaLovelace"),
        ('""\\""', '""'),
        ("abc\\", "abc"),
        ("nacht über", "x acht über"),
        ("été là", "était"),
        ("n\\\\\\", "nothing"),
    ]:
        assert masked(text, mask) == text


HOSTILE_TEXTS = {
    "quotes": ('"' * 3_000 + 'aaaa "', ('"' * 900 + "aaaa",)),
    "one character": ("a" * 3_000, tuple("a" * size for size in range(4, 104))),
    "nearly": ("a" * 3_000 + "b", tuple("a" * at + "b" + "a" * (900 - at) for at in range(0, 900, 9))),
    "backslashes": ("\\" * 3_000 + "abcd", tuple("\\" * size + "abcd" for size in range(900, 990))),
    "newlines": ("\\na" * 1_000, tuple("n" + "\na" * size for size in range(2, 102))),
    "escapes": (r"\u00e9" * 500, tuple("é" * size for size in range(4, 104))),
    "escaped": (r"\\\"" * 750 + "abcd", tuple('"' * size + "abcd" for size in range(4, 104))),
    "octets": ("%C3%A9" * 500, tuple("é" * size for size in range(4, 104))),
    "accents": ("a" + "\u0301\u0323" * 1_500, ("a\u0329xyz", "äöüß")),
    "joined": ("👩\u200d👩" * 1_000, ("👩\u200d👩" * 2,)),
    "ampersands": ("&" * 3_000, ("&&&&&",)),
    "marks": ("[masked: x]aaaa" * 200, ("aaaa", "a[ma")),
}
"""Texts that repeat themselves, and masks that begin in them everywhere."""
MAX_STEPS = 60
"""Lines of Python for each character: half as many are taken at the most."""


def steps_of(work: Callable[[], object]) -> int:
    """The lines that are run: as many on any machine."""
    steps = 0

    def count(frame: FrameType, event: str, told: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_masking_takes_a_few_steps_for_each_character(name: str) -> None:
    """Whatever the text is, whatever is masked, and however long it is."""
    text, texts = HOSTILE_TEXTS[name]
    masks = Masks(texts)
    masks.text(text)  # what finds them is built
    assert steps_of(lambda: masks.text(text)) <= MAX_STEPS * len(text)
    assert steps_of(lambda: masks.text(text * 2)) <= MAX_STEPS * len(text) * 2


def test_masking_holds_no_more_than_its_text_takes() -> None:
    """Masks that overlap in each other and in themselves at every character are one place from the start."""
    masks = Masks(("aaaa", "aaaaa", "aaaaaa"))
    text = "a" * 200_000
    tracemalloc.start()
    try:
        assert masks.text(text) == (MARK, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(text)


def test_long_mask_takes_no_memory_for_good() -> None:
    """A hundred of a thousand characters that share nothing, each looked for as written, as read and as escaped."""
    texts = tuple(f"n{number}\n" + "é%41\n" * 160 for number in range(100))
    tracemalloc.start()
    try:
        masked("n1\nnothing", *texts)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_each_match_ends_soon() -> None:
    """The longest piece that is taken in one go, in which no other thread runs."""
    for text in ("a", " ", "\\", "é", '\\"', "%41"):
        assert max(len(match[0]) for match in _TOKEN.finditer(text * 200_000)) <= 1 << 16


# -- in a trace ----------------------------------------------------------------------------------------


def test_names_that_are_masked_stay_apart() -> None:
    """No attribute is lost, and no step loses its parent."""
    steps = (
        step("a", 0, 1, id="ada-1", attributes={"Ada": 1, "Ada\n": 2, "x": {"Ada": 3}}),
        step("b", 0, 1, id="ada-2", parent="ada-1"),
        step("c", 0, 1, id="ada-3", parent="ada-2"),
    )
    told = Masks(("ada-1", "ada-2", "ada-3", "Ada\n", "Ada")).trace(
        Trace(steps=steps, sources={"prompt": "ada-2"})
    )
    assert len({s.id for s in told.steps}) == 3
    assert [s.parent_id for s in told.steps] == [None, told.steps[0].id, told.steps[1].id]
    assert told.sources == {"prompt": told.steps[1].id}
    assert list(told.steps[0].attributes.values()) == [1, 2, {MARK: 3}]


def test_meaning_of_a_trace_stays() -> None:
    """A word of a convention that is masked is gone as a word, not as a model, a kind or a sum of tokens."""
    told = Masks(("model", "gpt-4.1", "llm", "text", "user", "success")).trace(agent_trace())
    before = agent_trace()
    assert told.usage == before.usage
    assert [s.kind for s in told.steps] == [s.kind for s in before.steps]
    assert [s.usage for s in told.steps] == [s.usage for s in before.steps]
    assert told.model == MARK
    assert [m.role for m in told.steps[1].input_messages] == ["system", "user"]
    assert f"gen_ai.request.{MARK}" in told.steps[1].attributes
    assert told.masked == sum(s.masked for s in told.steps) > 0


def test_trace_without_the_text_is_the_same() -> None:
    """And so is one without masks."""
    assert Masks(("nowhere at all",)).trace(agent_trace()) == agent_trace()
    assert Masks(()).trace(agent_trace()) == agent_trace()


def test_number_and_bytes_that_hold_a_mask_become_words() -> None:
    """Whoever masks an account's number masks it where it is a number."""
    value = {"account": 40012345, "share": 0.40012345, "raw": b"id 40012345", "flag": True, "other": 7}
    told, count = Masks(("40012345",)).json(value)
    assert told == {
        "account": MARK,
        "share": f"0.{MARK}",
        "raw": f"id {MARK}".encode(),
        "flag": True,
        "other": 7,
    }
    assert count == 3


# -- in every form -------------------------------------------------------------------------------------

WORDS = st.text(st.sampled_from("aZ9 é\n\"\\/<&🙂\t'-"), min_size=4, max_size=12).filter(
    lambda text: (len(cleaned(text)) >= 4 and not cleaned(text).isascii()) or "Z9" in text
)


def places(mask: str) -> dict[str, Trace]:
    """A trace with `mask` in one place each, in every place that a person's words reach."""
    told = f"x {mask} y"
    inner = json.dumps({"deep": [told]})
    base = step("s", 0, 1, id="a")
    by_place = {
        "name": replace(base, name=told),
        "id": replace(base, id=told),
        "input": replace(base, input=told),
        "output": replace(base, output=told),
        "model": replace(base, model=told),
        "provider": replace(base, provider_name=told),
        "scope": replace(base, scope=told),
        "error": replace(base, error_message=told),
        "warning": replace(base, warnings=(told,)),
        "unread": replace(base, unread=(told,), attributes={told: 1}),
        "source": replace(base, sources={told: Source(told, told)}),
        "attribute": replace(base, attributes={"k": told}),
        "arguments": replace(
            base, kind=StepKind.TOOL, input=inner, attributes={"k": json.dumps({"again": inner})}
        ),
        "structure": replace(base, attributes={"k": {"m": [told, {told: told}]}}),
        "event": replace(base, events=(Event(told, 0, {told: told}, {"body": told}),)),
    }
    for type_ in ("text", "tool_call", "tool_call_response", "media", "reasoning", told):
        part = Part(type_, told, told, told, {"v": told})
        by_place[f"part {type_}"[:12]] = replace(base, input_messages=(Message(told, (part,)),))
    traces = {place: Trace("q", "r", steps=(one,)) for place, one in by_place.items()}
    for name in (
        "prompt",
        "response",
        "model",
        "title",
        "system",
        "provider_name",
        "error_message",
        "service_name",
    ):
        field: dict[str, Any] = {name: told}
        traces[f"trace {name}"] = replace(Trace("q", "r", steps=(base,)), **field)
    traces["note"] = Trace("q", "r", steps=(base,), notes=(told,))
    return traces


def forms(trace: Trace, masks: tuple[str, ...], redacts: bool) -> Iterator[tuple[str, Any]]:
    """What everybody may ask for, made as the service makes it of a payload that was posted."""
    body = payload.dumps(payload.encode(trace))
    telling = Telling(1, ((BodyKind.PAYLOAD, body),))
    redaction = Redaction(redacts)
    shown = trace_of(telling, TRACE_ID, redaction, masks)
    saved = Document("e", document.encode(shown))
    view = View("p", words="")
    yield "json", payload.encode(saved.trace())
    yield "md", markdown.render(saved.trace(), page_url="http://x", max_chars=1_000_000)
    yield "perfetto", json.loads(perfetto.render(saved.trace()))
    yield (
        "otlp",
        json.loads(otlp_json.render(telling.bodies, TRACE_ID, saved.trace(), Both(redaction, Masks(masks)))),
    )
    yield "card", card_of(saved)
    yield "page", trace_page.render_trace(saved, view, base_url="http://x")
    yield "step", trace_page.render_step(saved, view, 1)
    yield "embed", trace_page.render_embed(saved, page_url="http://x")
    yield "compare", render_compare(saved.trace(), saved.trace(), a_url="/a", b_url="/b")
    yield "parts", [json.loads(saved.body(name)) for name in ("head", "outline", "rows-0", "steps-0")]


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, and what JSON in it holds."""
    if isinstance(value, str):
        yield value
        if value[:1] in "{[":
            try:
                yield from strings(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
    elif is_dataclass(value):
        for one in fields(value):
            yield from strings(getattr(value, one.name))


PLACES = sorted(places("text"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(mask=WORDS, place=st.sampled_from(PLACES), redacts=st.booleans())
def test_nothing_of_a_masked_text_stands_in_any_form(mask: str, place: str, redacts: bool) -> None:
    """Wherever it was posted, whatever is asked for, and whether or not secrets are masked."""
    mask = cleaned(mask)
    trace = places(mask)[place] if place in places(mask) else places(mask)["input"]
    for form, value in forms(trace, (mask,), redacts):
        for text in strings(value):
            assert mask not in text, (form, text)


@pytest.mark.parametrize("place", PLACES)
def test_text_in_this_place_is_masked_in_every_form(place: str) -> None:
    """Each place for itself: a walk that forgets one is found here, whatever hypothesis tries."""
    mask = "Grace Hopper"
    for form, value in forms(
        places(mask)[place] if place in places(mask) else places(mask)["input"], (mask,), True
    ):
        assert all(mask not in text for text in strings(value)), form


def test_test_sees_what_is_not_masked() -> None:
    """The two tests above mean something: without a mask the text is there, in nearly every form."""
    seen = {
        form
        for form, value in forms(places("Grace Hopper")["name"], (), True)
        if any("Grace Hopper" in t for t in strings(value))
    }
    assert seen >= {"json", "md", "perfetto", "otlp", "page", "step", "compare", "parts"}


def test_hostile_text_is_masked_whole() -> None:
    """Every field that a stranger fills, and no half of it is left."""
    told = Masks((HOSTILE,)).trace(hostile_trace(HOSTILE))
    assert HOSTILE not in json.dumps(payload.encode(told), ensure_ascii=False)
    assert "onerror" not in json.dumps(payload.encode(told))


def span(attributes: dict[str, Any]) -> bytes:
    """An OTLP request with Grace Hopper wherever a span, its resource and its links can name her."""
    name = "for Grace Hopper"
    pairs = [{"key": key, "value": value} for key, value in attributes.items()]
    told = {
        "traceId": TRACE_ID,
        "spanId": "02" * 8,
        "name": name,
        "traceState": "who=Grace Hopper",
        "startTimeUnixNano": "1",
        "attributes": pairs,
        "events": [{"name": name, "attributes": pairs}],
        "links": [{"traceId": "03" * 16, "spanId": "04" * 8, "attributes": pairs}],
        "status": {"code": 2, "message": name},
    }
    group = {"scope": {"name": name, "attributes": pairs}, "spans": [told], "schemaUrl": name}
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [group]}]}
    ).encode()


@pytest.mark.parametrize("redacts", [True, False])
def test_spans_as_they_came_are_told_without_what_is_masked(redacts: bool) -> None:
    """Keys, nested values, resource, scope, events, links, status; the ids and times stay."""
    text = {"stringValue": json.dumps({"who": "Grace Hopper"})}
    nested = {
        "kvlistValue": {"values": [{"key": "Grace Hopper", "value": {"arrayValue": {"values": [text]}}}]}
    }
    body = span({"who": text, "Grace Hopper": text, "nested": nested})
    both = Both(Redaction(redacts), Masks(("Grace Hopper",)))
    told = otlp_json.render([(BodyKind.OTLP_JSON, body)], TRACE_ID, Trace(), both)
    assert b"Grace" not in told
    assert b"02020202" in told
    telling = Telling(1, ((BodyKind.OTLP_JSON, body),))
    assert "Grace" not in json.dumps(
        payload.encode(trace_of(telling, TRACE_ID, Redaction(redacts), ("Grace Hopper",)))
    )


@pytest.mark.parametrize("told", ["Grace Hopper", "sk-proj-" + "a1B2" * 8])
def test_spans_tell_nothing_that_was_not_looked_at(told: str) -> None:
    """Members of one name, of which the last is read; references to entities; the same in protobuf."""
    text = {"stringValue": told}
    twice = {
        "kvlistValue": {"values": [{"key": "b", "value": text}, {"key": "b", "value": {"intValue": "1"}}]}
    }
    deep = {"arrayValue": {"values": [{"kvlistValue": {"values": [{"key": "c", "value": twice}]}}]}}
    request = json.loads(span({"a": twice, "d": deep, "e": {"boolValue": True}}))
    request["resourceSpans"][0]["resource"]["entityRefs"] = [
        {"schemaUrl": told, "type": told, "idKeys": ["k", told], "descriptionKeys": [told]}
    ]
    body = json.dumps(request).encode()
    sent = json.loads(body)
    sent_span = sent["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for item in (sent_span, *sent_span["links"]):
        for name in ("traceId", "spanId"):
            item[name] = base64.b64encode(bytes.fromhex(item[name])).decode()
    protobuf = ParseDict(sent, ExportTraceServiceRequest()).SerializeToString()
    both = Both(Redaction(), Masks(("Grace Hopper",)))
    for kind, sent_body in ((BodyKind.OTLP_JSON, body), (BodyKind.OTLP_PROTOBUF, protobuf)):
        form = otlp_json.render([(kind, sent_body)], TRACE_ID, Trace(), both)
        assert told.encode() not in form
        group = json.loads(form)["resourceSpans"][0]
        last = {"kvlistValue": {"values": [{"key": "b", "value": {"intValue": "1"}}]}}
        attributes = group["scopeSpans"][0]["spans"][0]["attributes"]
        assert attributes[0] == {"key": "a", "value": last}
        assert attributes[2] == {"key": "e", "value": {"boolValue": True}}
        assert group["resource"]["entityRefs"][0]["idKeys"][0] == "k"


def test_secrets_are_masked_before_what_the_owner_chose() -> None:
    """The owner saw the mark, and may have chosen text around it."""
    both = Both(Redaction(), Masks(("with [masked: OpenAI key]",)))
    assert both.text("call it with sk-proj-" + "a1B2" * 8)[0] == f"call it {MARK}"


def test_search_finds_nothing_that_is_masked() -> None:
    """What is searched is what is shown."""
    shown = Masks(("Grace Hopper",)).trace(Trace("q", "r", steps=(step("Grace Hopper", 0, 1),)))
    body = Document("e", document.encode(shown)).body("steps-0").decode()
    assert parse_query('"Grace Hopper"').words == ("grace hopper",)
    assert "grace" not in body.casefold()
