"""One URL in several forms: data, Markdown, preview image, card, comparison; and what all of them owe a reader."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.processes import TracenProcess
from tests.viewer.samples import HOSTILE, agent_trace, failed_trace, hostile_trace, step
from tests.viewer.test_browser import publish
from tracen_otel import payload
from tracen_otel.assemble import assemble
from tracen_otel.model import StepKind, Trace
from tracen_otel.otlp import Encoding, decode_spans
from viewer.headers import SECURITY_HEADERS

FORMS = (
    "",
    ".json",
    ".md",
    ".otlp.json",
    ".perfetto.json",
    "/og.png",
    "/steps/1",
    "/rows?from=1&to=3",
    "/events",
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def url(tracen: TracenProcess) -> str:
    return publish(tracen, agent_trace())


def embed_of(url: str) -> str:
    return url.replace("/traces/", "/embed/")


# -- data ---------------------------------------------------------------------------------------------


def test_json_is_the_trace(client: httpx2.Client, url: str) -> None:
    """What was posted comes back, whole, on the plain URL too where it is asked for."""
    told = client.get(f"{url}.json").json()
    assert payload.decode(told) == agent_trace()
    assert client.get(url, headers={"accept": "application/json"}).json() == told


def test_json_of_many_steps_comes_whole(client: httpx2.Client, tracen: TracenProcess) -> None:
    """It is sent part by part, and reads as one document."""
    steps = tuple(step(f"step {n}", n, 1, id=str(n), input="x" * 1_000) for n in range(3_000))
    told = client.get(publish(tracen, Trace("q", "a", steps=steps)) + ".json").json()
    assert [s["name"] for s in told["steps"]] == [f"step {n}" for n in range(3_000)]
    assert {s["input"] for s in told["steps"]} == {"x" * 1_000}


def test_markdown_is_as_long_as_the_reader_allows(client: httpx2.Client, url: str) -> None:
    """By suffix or by Accept; a wrong limit is told."""
    answer = client.get(f"{url}.md")
    assert answer.headers["content-type"].startswith("text/markdown")
    assert "# invoke_agent planner" in answer.text
    assert "TimeoutError: no answer within 2.4 s" in answer.text
    assert client.get(url, headers={"accept": "text/markdown"}).text == answer.text
    assert len(client.get(f"{url}.md?max_chars=600").text) <= 600
    refused = client.get(f"{url}.md?max_chars=lots")
    assert refused.status_code == 400
    assert "max_chars" in refused.json()["detail"]


def test_otlp_json_makes_the_same_trace_again(client: httpx2.Client, url: str) -> None:
    """The names and times of the steps, and what was said."""
    spans = decode_spans(client.get(f"{url}.otlp.json").content, Encoding.JSON)
    again = assemble(spans)
    assert (again.prompt, again.response, again.model) == (
        agent_trace().prompt,
        agent_trace().response,
        agent_trace().model,
    )
    assert {s.name for s in again.steps} == {s.name for s in agent_trace().steps}


def test_perfetto_holds_every_step(client: httpx2.Client, url: str) -> None:
    """As events with a name, a start and a duration in microseconds."""
    events = client.get(f"{url}.perfetto.json").json()["traceEvents"]
    names = [event["name"] for event in events if event["ph"] in "Xi"]
    assert sorted(names) == sorted(s.name for s in agent_trace().steps)


def test_forms_can_be_kept_as_files(client: httpx2.Client, url: str) -> None:
    """With a name that holds nothing of the trace; nothing runs in them."""
    for suffix in ("json", "md", "otlp.json", "perfetto.json"):
        answer = client.get(f"{url}.{suffix}?download=1")
        name = url.rpartition("/")[2]
        assert answer.headers["content-disposition"] == f'attachment; filename="trace-{name}.{suffix}"'
        assert "sandbox" in answer.headers["content-security-policy"]


# -- where links are shared ---------------------------------------------------------------------------


def test_preview_image_is_drawn_and_named_in_the_head(client: httpx2.Client, url: str) -> None:
    """1200 by 630, under an absolute URL; another one for a run that failed."""
    html = client.get(url).text
    assert f'<meta property="og:image" content="{url}/og.png">' in html
    assert '<meta name="twitter:card" content="summary_large_image">' in html
    image = client.get(f"{url}/og.png")
    assert image.headers["content-type"] == "image/png"
    assert image.content[16:24] == (1200).to_bytes(4, "big") + (630).to_bytes(4, "big")
    known = client.get(f"{url}/og.png", headers={"if-none-match": image.headers["etag"]})
    assert known.status_code == 304


def test_card_may_be_framed_and_the_page_may_not(client: httpx2.Client, url: str) -> None:
    """By anybody; without cookies, forms or scripts."""
    card, page = client.get(embed_of(url)), client.get(url)
    assert "frame-ancestors *" in card.headers["content-security-policy"]
    assert "x-frame-options" not in card.headers
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "<script" not in card.text
    assert "Plan a weekend in Lisbon." in card.text
    assert "noindex" in card.text


def test_oembed_frames_the_card(client: httpx2.Client, tracen: TracenProcess, url: str) -> None:
    """Only of this server's pages, no larger than asked for, its title escaped."""
    told = client.get(f"{tracen.http}/oembed", params={"url": url, "maxwidth": "500"}).json()
    assert told["type"] == "rich"
    assert told["width"] == 500
    assert f'src="{embed_of(url)}"' in told["html"]
    assert "sandbox=" in told["html"]
    hostile = client.get(
        f"{tracen.http}/oembed", params={"url": publish(tracen, hostile_trace(HOSTILE))}
    ).json()
    assert "<script" not in hostile["html"]
    assert hostile["html"].count("<") == 2
    elsewhere = (f"{tracen.http}.evil.example/traces/1", f"{url}x", f"{tracen.http}/traces///[")
    for foreign in ("https://evil.example/traces/1", "", *elsewhere):
        assert client.get(f"{tracen.http}/oembed", params={"url": foreign}).status_code == 404
    assert client.get(f"{tracen.http}/oembed", params={"url": url, "format": "xml"}).status_code == 501


def test_two_traces_are_compared(client: httpx2.Client, tracen: TracenProcess, url: str) -> None:
    """Under a URL of both."""
    other = publish(tracen, failed_trace()).rpartition("/")[2]
    page = client.get(f"{tracen.http}/compare/{url.rpartition('/')[2]}/{other}")
    assert "What changed from A to B" in page.text
    assert "B failed" in page.text
    assert client.get(f"{tracen.http}/compare/{other}/none").status_code == 404


# -- what all forms owe -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_private_to_its_link_and_safe(client: httpx2.Client, url: str, form: str) -> None:
    """No index, no sniffing, no referrer, a policy without inline script."""
    with client.stream("GET", url + form) as answer:
        assert answer.status_code == 200
        for name in SECURITY_HEADERS:
            assert name in answer.headers, name
        assert answer.headers["x-robots-tag"].startswith("noindex")
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_deleted_trace_is_gone_in_every_form(client: httpx2.Client, tracen: TracenProcess) -> None:
    """410 everywhere, whatever a cache holds."""
    url = publish(tracen, agent_trace())
    other = publish(tracen, failed_trace()).rpartition("/")[2]
    page_id = url.rpartition("/")[2]
    everywhere = [url + form for form in FORMS]
    everywhere += [
        embed_of(url),
        f"{tracen.http}/oembed?url={url}",
        f"{tracen.http}/compare/{page_id}/{other}",
    ]
    etags = {}
    for one in everywhere:
        with client.stream("GET", one) as answer:
            assert answer.status_code == 200, one
            etags[one] = answer.headers.get("etag", "*")
    gone = client.delete(f"{tracen.http}/api/traces/{page_id}", headers={"x-tracen-key": tracen.key})
    assert gone.status_code == 204
    for one in everywhere:
        assert client.get(one, headers={"if-none-match": etags[one]}).status_code == 410, one


@pytest.mark.parametrize("page_id", ["00000000-0000-4000-8000-000000000000", "x" * 10_000, "..%2f", "%00"])
def test_unknown_page_is_absent_in_every_form(
    client: httpx2.Client, tracen: TracenProcess, page_id: str
) -> None:
    """The same answer, whatever the guess looks like."""
    for form in FORMS:
        assert client.get(f"{tracen.http}/traces/{page_id}{form}").status_code == 404, form


@pytest.mark.parametrize(
    "query",
    [
        "step=0", "step=99999999999999999999", "step=-1", "step=x", "from=999999", "zoom=5-1", "zoom=a-b",
        "zoom=0-999999999999999", "q=%22open", "q=kind:nothing", "q=%00%E2%80%AE", "q=" + "x" * 5_000,
        "text=html", "all=2",
    ],
)  # fmt: skip
def test_view_that_makes_no_sense_shows_the_page(client: httpx2.Client, url: str, query: str) -> None:
    """A link that was cut short or made up is no reason for an error."""
    answer = client.get(f"{url}?{query}")
    assert answer.status_code == 200
    assert "Timeline" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/steps/0",
        "/steps/8",
        "/steps/x",
        "/steps/-1",
        f"/steps/{'9' * 5_000}",
        "/rows?from=1&to=99999999",
        "/rows?from=x",
    ],
)
def test_part_that_is_not_there_is_absent(client: httpx2.Client, url: str, path: str) -> None:
    """Or is what there is of it; never an error of ours."""
    assert client.get(url + path).status_code in (200, 404)


def test_search_of_an_empty_trace_finds_nothing(client: httpx2.Client, tracen: TracenProcess) -> None:
    """And is no error."""
    assert client.get(publish(tracen, Trace("q", "a")) + "?q=words").status_code == 200


def test_rows_end_where_they_were_asked_to(client: httpx2.Client, tracen: TracenProcess) -> None:
    """Also within a fold, whose other rows are in another part of the document."""
    steps = [step(f"s{n}", n, 1, id=f"s{n}", kind=StepKind.LLM) for n in range(1, 200)]
    steps += [step(f"s{n}", n, 1, id=f"s{n}", kind=StepKind.HTTP) for n in range(200, 211)]
    url = publish(tracen, Trace("q", "a", steps=tuple(steps)))
    for first in (199, 200, 201):
        answer = client.get(f"{url}/rows?from={first}&to={first}")
        assert answer.status_code == 200
        assert answer.text.count(' id="row-') == 1
