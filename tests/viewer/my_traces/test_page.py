"""The list of somebody's traces: what it shows, filters, and leads to, without any script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shots.spans import Recorder
from tests.viewer.my_traces.service import ADA, EVE, URL, MyTracesService, serving, titles_of
from tests.viewer.samples import HOSTILE, TRICKY
from tests.viewer.xss_corpus import MARKUP
from viewer.my_traces.page import ROWS
from viewer.store.base import NS_PER_S, Batch, BodyKind, Sharing, Store
from viewer.traces import RECEIVING_NS

FAILED = {"status": "error"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[MyTracesService]:
    with serving(tmp_path) as service:
        yield service


def test_rows_tell_each_trace(service: MyTracesService) -> None:
    """The newest start first: status, title, model, steps, tokens, duration, start, and the address to copy."""
    old = service.post("The old one", 3 * 3600, **FAILED)
    new = service.post("The new one", 90, input_tokens=1204, output_tokens=356, total_latency_ms=1840)
    service.summarise()
    page = service.open()
    assert titles_of(page) == ["The new one", "The old one"]
    assert [link.attributes["href"] for link in page.all("a", class_="mine-title")] == [
        f"/traces/{new}",
        f"/traces/{old}",
    ]
    assert [icon.attributes["aria-label"] for icon in page.all("svg", role="img")] == ["Succeeded", "Failed"]
    row = " ".join(page.all("li")[0].text.split())
    for words in ("gpt-5", "1 step", "1,204 → 356", "1.84 s", "1 minute ago", "Copy link"):
        assert words in row
    assert page.all("button", class_="copy")[0].attributes["data-text"] == f"{URL}/traces/{new}"
    assert page.all("a", href=f"/app/traces/{new}/sharing")
    assert page.all("time")[0].attributes["datetime"].endswith("Z")
    assert "2 traces" in page.text


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["refund", "invoice", "weather"]),
        ("?status=error", ["invoice"]),
        ("?model=gpt-6", ["weather"]),
        ("?provider=anthropic", ["refund"]),
        ("?kind=tool", ["refund"]),
        ("?time=hour", ["refund", "invoice"]),
        ("?q=INVO", ["invoice"]),
        ("?q=yes", ["refund", "invoice", "weather"]),
        ("?status=error&model=gpt-6", []),
        ("?status=nonsense", ["refund", "invoice", "weather"]),
        ("?from=2027-01-15T06:00&to=2027-01-15T07:30", ["weather"]),
        ("?q=%22%27%28%29*%00--", []),
        ("?q=" + "x" * 10_000, []),
        ("?model=" + "x" * 10_000 + "&before=" + "9" * 9_000, []),
    ],
)
def test_filters_choose(service: MyTracesService, query: str, titles: list[str]) -> None:
    """Each filter leaves what is as it says, all of them together what is as all of them say."""
    tool = {"name": "look up", "timestamp": "2027-01-15T07:59:00.000Z", "latency_ms": 2, "kind": "tool"}
    service.post("refund", 10, provider="anthropic", steps=[tool])
    service.post("invoice", 100, **FAILED)
    service.post("weather", 3700, model="gpt-6")
    service.summarise()
    assert service.titles(query) == titles


def test_filters_are_kept_by_links_and_form(service: MyTracesService) -> None:
    """The form is filled in as it was sent; each chip leads to the list without what it names."""
    service.send("one")
    page = service.open("?q=one&status=success&time=between&from=2027-01-01T00:00")
    chosen = [option.attributes["value"] for option in page.all("option") if "selected" in option.attributes]
    assert chosen == ["success", "", "", "between"]
    assert page.all("input", name="q")[0].attributes["value"] == "one"
    assert page.all("input", name="from")[0].attributes["value"] == "2027-01-01T00:00"
    chips = {chip.text.partition(":")[0]: chip.attributes["href"] for chip in page.all("a", class_="chip")}
    assert chips == {
        "“one”": "/app/traces?status=success&time=between&from=2027-01-01T00%3A00",
        "Succeeded": "/app/traces?q=one&time=between&from=2027-01-01T00%3A00",
        "Since 2027-01-01 00": "/app/traces?q=one&status=success",
    }
    assert page.all("a", class_="chip-clear", href="/app/traces")
    assert "1 trace that matches" in page.text


def test_wrong_filters_are_told(service: MyTracesService) -> None:
    """Beside the list as it is without them."""
    service.send("one")
    page = service.open("?status=<b>&from=soon")
    assert "“<b>” was left out: status can be success, error, unfinished." in page.text
    assert "“soon” was left out" in page.text
    assert titles_of(page) == ["one"]


def test_time_between_asks_for_an_end(service: MyTracesService) -> None:
    """Chosen without a start or an end it leaves all in the list, says so, and stays chosen to be filled in."""
    service.send("one")
    page = service.open("?time=between")
    assert "“Between…” needs a start or an end" in page.text
    assert titles_of(page) == ["one"]
    assert "that matches" not in page.text
    assert not page.all("a", class_="chip")
    chosen = [option.attributes["value"] for option in page.all("option") if "selected" in option.attributes]
    assert chosen == ["", "", "", "between"]
    assert "needs a start" not in service.open("?time=between&to=2030-01-01").text


def test_empty_lists_say_what_to_do(service: MyTracesService) -> None:
    """With no traces at all: how to send one; with filters that nothing matches: how to be rid of them."""
    page = service.open()
    assert "No traces yet" in page.text
    assert re.search(r"tracen run --endpoint http\S+ -- python agent.py", page.text)
    assert page.all("a", href="/app/start")
    page = service.open("?q=nothing")
    assert "Nothing matches" in page.text
    assert len(page.all("a", href="/app/traces")) >= 2
    assert "every word of the text" in page.text
    page = service.open("?status=error")
    assert "Nothing matches" in page.text
    assert "every word of the text" not in page.text
    assert "No older traces" in service.open("?before=1").text


def test_what_is_on_its_way_is_told(service: MyTracesService) -> None:
    """A list that does not know of all that came says so, without a number: one request can tell of many traces."""
    service.post("late")
    page = service.open()
    assert "More traces are still being added to this list." in page.text
    assert "Your traces are on their way" in page.text
    service.summarise()
    page = service.open()
    assert "still being added" not in page.text
    assert titles_of(page) == ["late"]


def test_pages_go_on_below_each_other_while_traces_arrive(service: MyTracesService) -> None:
    """Each trace is seen once, whatever comes in above meanwhile; filters stay."""
    titles = [f"run {n}" for n in range(2 * ROWS + 5)]
    service.send(*titles)
    query, seen = "?q=run&status=success", []
    for more in range(4):
        page = service.open(query)
        seen += titles_of(page)
        older = [link.attributes["href"] for link in page.all("a", rel="next")]
        if not older:
            break
        assert "q=run&status=success" in older[0]
        query = older[0].removeprefix("/app/traces")
        service.post(f"run that came in {more}")
        service.summarise()
    assert seen == titles
    assert "5 older traces that match" in page.text
    newest = page.all("a", href="/app/traces?q=run&status=success")
    assert [link.text for link in newest] == ["Show", "Newest", "Newest"]


def test_list_is_of_one_account(service: MyTracesService) -> None:
    """Nothing of a neighbour's: no rows, no filters to choose, no count."""
    service.post("Eve's secret", email=EVE, model="eves-model")
    service.summarise()
    page = service.open()
    assert "No traces yet" in page.text
    assert "eves-model" not in page.html
    assert service.titles("?q=secret") == []
    assert service.titles("?model=eves-model") == []


@pytest.mark.parametrize("text", [HOSTILE, TRICKY, *MARKUP])
def test_nothing_that_was_sent_becomes_markup(service: MyTracesService, text: str) -> None:
    """Titles and models are shown as they are; the page has no element that is not ours."""
    service.post(text, 60, model=text)
    service.post("plain", 120, model="plain")
    service.summarise()
    page = service.open()
    assert len(page.all("li")) == 2
    assert [script.attributes.get("src", "")[:8] for script in page.all("script")] == ["/static/"] * 2
    assert not page.all("img")
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on")], element
        assert "\x00" not in "".join(element.attributes.values())
    echoed = service.client.get("/app/traces", params={"q": text, "model": text, "status": text})
    assert echoed.status_code == 200
    assert len(echoed.text) < 100_000


def test_running_traces_are_marked(service: MyTracesService) -> None:
    """What has no root yet runs, until nothing has come of it for a while."""
    begun = Recorder("planner", start_ns=service.clock.now_ns - 5 * NS_PER_S)
    root = begun.agent("planner", 0, 60_000)
    begun.spans.pop()
    begun.tool("search", 1_000, 900, root, {"query": 1}, {"found": 1})
    (request,) = begun.requests()
    account = asyncio.run(service.store.accounts.create(ADA, 0))
    asyncio.run(
        service.store.append(
            Batch(
                account.id,
                BodyKind.OTLP_PROTOBUF,
                request.SerializeToString(),
                frozenset([begun.trace_id]),
                service.clock.now_ns,
            )
        )
    )
    service.summarise()
    assert service.open().all("svg", role="img")[0].attributes["aria-label"] == "Running"
    service.clock.now_ns += RECEIVING_NS
    assert service.open().all("svg", role="img")[0].attributes["aria-label"] == "Unfinished"


def test_nobody_but_the_owner_is_shown_a_list(service: MyTracesService) -> None:
    """Without a session the log-in comes first, and leads back to the filters."""
    service.client.cookies.clear()
    accept = {"accept": "text/html"}
    answer = service.client.get("/app/traces?q=a%20b", headers=accept, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/app/traces%3Fq%3Da%2520b"


def test_list_is_kept_by_nobody(service: MyTracesService) -> None:
    """Neither proxies nor the browser's own store keep a page that one person may see."""
    assert service.client.get("/app/traces").headers["cache-control"] == "no-store"


def test_start_that_can_not_be_counts_as_arrival(service: MyTracesService) -> None:
    """A clock that was wrong puts no trace at the end of time."""
    service.post("from the future", ago_s=-40 * 24 * 3600)
    service.post("just before", ago_s=60)
    service.summarise()
    page = service.open()
    assert titles_of(page) == ["from the future", "just before"]
    assert page.all("time")[0].text == "just now"
    assert service.clock.now_ns > NS_PER_S


def test_rows_tell_who_can_see_them(service: MyTracesService) -> None:
    """In a word that leads to where that is decided, and in a sentence."""
    now_ns, hour_ns = service.clock.now_ns, 3600 * NS_PER_S
    choices = {
        "Public": Sharing(),
        "Private": Sharing(is_private=True),
        "Expires": Sharing(shared_until_ns=now_ns + hour_ns),
        "Expired": Sharing(shared_until_ns=now_ns - hour_ns),
    }
    ids = service.send(*choices)
    for page_id, sharing in zip(ids, choices.values(), strict=True):
        asyncio.run(share(service.store, page_id, sharing))
    page = service.open()
    links = [link for link in page.all("a") if link.attributes["href"].endswith("/sharing")]
    assert [link.text for link in links] == list(choices)
    assert [link.attributes["href"] for link in links] == [f"/app/traces/{one}/sharing" for one in ids]
    assert links[1].attributes["title"] == "Only you can see this page."


async def share(store: Store, page_id: str, sharing: Sharing) -> None:
    page = await store.page(page_id)
    assert page
    await store.set_sharing(page, sharing)
