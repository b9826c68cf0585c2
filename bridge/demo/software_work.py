"""Agents that write and run software, and those that hand work to each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from bridge.demo.story import Act, Story, Use, agent, message, model_call, spread
from tracen_otel.model import StepKind

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August")
_SYSTEM = "You are a coding agent in a repository. Read before you write, run the tests, and explain what you changed."


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a test fails: the line in `file` that is wrong, and what it should be."""

    test: str
    file: str
    seen: str
    before: str
    old: str
    new: str
    log: str
    why: str


_FAULTS = (
    _Fault(
        "test_parse_duration", "duration", "assert 5400 == 90",
        "def parse_duration(text: str) -> int:\n    number, unit = text[:-1], text[-1]\n",
        'return int(number) * {"s": 1, "m": 60, "h": 3600}[unit] * 60',
        'return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]',
        "a1f2e9c Return seconds\n77b0c1d Add hours",
        "multiplies by 60 a second time: the table already holds seconds",
    ),
    _Fault(
        "test_last_page", "pages", "assert 3 == 4", "def page_count(items: int, size: int) -> int:\n",
        "return items // size", "return -(-items // size)",
        "c40d7a2 Use whole numbers\n5e9b310 Page the list",
        "rounds down, so the last page, which is not full, is missing",
    ),
    _Fault(
        "test_leap_day", "birthdays", "ValueError: day is out of range for month",
        "def next_birthday(born: date, year: int) -> date:\n",
        "return born.replace(year=year)",
        "return (born + timedelta(days=1)).replace(year=year) - timedelta(days=1)",
        "e88c0f4 Remember birthdays\n10aa7d3 Begin",
        "asks for 29 February in every year; counted back from the day after, it exists",
    ),
    _Fault(
        "test_header_names", "headers", "assert None == 'gzip'", "def header(name: str) -> str | None:\n",
        "return headers.get(name)", "return headers.get(name.lower())",
        "9b1e6dd Keep headers in a dict\n2c07f5a Read headers",
        "looks names up as they are written, though they are kept in lower case",
    ),
)  # fmt: skip


def fix_a_failing_test(rng: Random) -> Story:
    fault = rng.choice(_FAULTS)
    path = f"src/{fault.file}.py"
    prompt = f"{fault.test} fails on main since yesterday. Find out why and fix it."
    passed = rng.randrange(90, 400)
    fails = f"FAILED tests/test_{fault.file}.py::{fault.test} - {fault.seen}\n1 failed in 0.41s"
    patch = {"path": path, "old": fault.old, "new": fault.new}
    rounds = [
        [
            Use(
                "run_tests",
                {"select": fault.test},
                fails,
                8_900,
                thought="Let me see it fail first.",
            )
        ],
        [
            Use("read_file", {"path": path}, f"{fault.before}    {fault.old}\n", 12),
            Use("git_log", {"path": path, "last": 2}, fault.log, 40),
        ],
        [Use("edit_file", patch, "1 replacement", 18, thought=f"The last line {fault.why}.")],
        [Use("run_tests", {}, f"{passed} passed in 8.22s", 9_100)],
    ]
    answer = (
        f"Since commit `{fault.log[:7]}`, `{path}` {fault.why}.\n\n"
        f"```diff\n-    {fault.old}\n+    {fault.new}\n```\n\nAll {passed} tests pass."
    )
    root = agent(
        rng, "coder", "claude-sonnet-4-5", _SYSTEM, prompt, rounds, answer, overhead=5_200, reasoning=180
    )
    return Story("coding-agent", "otel", root, environment="development", title=f"Fix {fault.test}")


def refactor_with_many_tools(rng: Random) -> Story:
    """Dozens of tool calls, one of which fails and is tried again."""
    prompt = "Rename the class `Client` to `Session` everywhere, docs and tests included."
    files = [
        f"{folder}/{name}.py"
        for folder in ("src", "tests", "docs")
        for name in ("api", "auth", "pool", "retry")
    ]
    rounds = [
        [
            Use(
                "search",
                {"pattern": r"\bClient\b"},
                "\n".join(f"{f}: {rng.randrange(1, 9)}" for f in files),
                90,
            )
        ]
    ]
    for file in files:
        rounds.append(
            [Use("read_file", {"path": file}, f"class {file[4:-3].title()}:\n    client: Client\n", 9)]
        )
        if file == "tests/pool.py":
            wrong = {"path": file, "old": "Client(", "new": "Session("}
            rounds.append(
                [Use("edit_file", wrong, error="ValueError: `old` occurs 3 times; give more context", ms=8)]
            )
        rounds.append(
            [Use("edit_file", {"path": file, "old": "Client", "new": "Session"}, "3 replacements", 14)]
        )
    rounds.append([Use("run_tests", {}, "388 passed in 31.07s", 31_400)])
    answer = f"Renamed in {len(files)} files; 388 tests pass."
    root = agent(rng, "coder", "gpt-5", _SYSTEM, prompt, rounds, answer, overhead=6_100, reasoning=90)
    return Story(
        "coding-agent", "logfire", root, environment="development", title="Rename a class in 12 files"
    )


def review_a_change(rng: Random) -> Story:
    """Three reviewers at once, and one that weighs what they say."""
    diff = "+    if user.is_admin or True:\n+        return load_all()\n"
    findings = (
        ("security", "claude-opus-4-1", "`or True` lets everybody in. Remove it before this is merged."),
        ("performance", "gemini-2.5-pro", "`load_all()` reads the whole table; page it."),
        ("style", "codestral-latest", "Fine, but the condition wants a name."),
    )
    reviewers = [
        agent(rng, f"{name}-reviewer", model, f"You review changes for {name}.", diff, [], finding)
        for name, model, finding in findings
    ]
    together = Act(StepKind.CHAIN, "reviewers", steps=reviewers, is_parallel=True)
    verdict = "**Changes requested.** `or True` on line 1 gives everybody an admin's view. Page `load_all()` as well."
    said = [message("system", "Weigh the reviews."), message("user", "\n".join(f[2] for f in findings))]
    weigh = model_call(rng, "gpt-5-mini", said, message("assistant", verdict))
    root = Act(
        StepKind.AGENT,
        "invoke_agent review-lead",
        input=f"Review:\n{diff}",
        output=verdict,
        steps=[together, weigh],
    )
    return Story("review-crew", "openinference", root, title="Review a change")


def research_team(rng: Random) -> Story:
    """A lead that hands questions to researchers, which have tools and helpers of their own: four levels of agents."""
    question = "Is wood or concrete the better choice for a two-storey school? One page, with sources."
    parts = ("carbon", "cost", "fire safety")
    researchers = []
    for part in parts:
        query = f"{part} of timber and concrete schools"
        found = [
            {"title": f"{part.title()} in timber construction", "url": f"https://papers.example/{part[:4]}"}
        ]
        read = agent(
            rng, "reader", "gpt-5-nano", "Summarise the page.", found[0]["url"],
            [[Use("fetch", {"url": found[0]["url"]}, f"A study of 42 schools compares {part} …", 1_200)]],
            f"Timber does well on {part}, with the usual reservations.",
        )  # fmt: skip
        work = agent(
            rng, f"{part.replace(' ', '-')}-researcher", "gpt-5-mini", "Answer with sources.", query,
            [[Use("web_search", {"query": query}, found, 900)]],
            f"On {part}, timber is ahead where it is sourced within 300 km.",
        )  # fmt: skip
        researchers.append(_with(work, read))
    plan = model_call(
        rng,
        "gpt-5",
        [message("user", question)],
        message("assistant", "1. carbon 2. cost 3. fire safety"),
        reasoning=640,
    )
    answer = (
        "## Timber, unless fire rules forbid it\n\n**Carbon.** About half of concrete's, counted over 50 years.\n\n"
        "**Cost.** Within 4 %, and three months faster to build.\n\n**Fire safety.** Solved with encapsulation; ask "
        "the authority early.\n\nSources: papers.example/carb, /cost, /fire"
    )
    write = model_call(rng, "gpt-5", [message("user", question)], message("assistant", answer), reasoning=880)
    team = Act(StepKind.CHAIN, "researchers", steps=researchers, is_parallel=True)
    root = Act(
        StepKind.AGENT, "invoke_agent research-lead", input=question, output=answer, steps=[plan, team, write]
    )
    return Story("research-team", rng.choice(("otel", "langfuse")), root, title="Research: wood or concrete?")


def _with(act: Act, more: Act) -> Act:
    return replace(act, steps=[*act.steps[:-1], more, act.steps[-1]])


def ask_the_database(rng: Random) -> Story:
    region = rng.choice(("north", "south", "east", "west"))
    prompt = f"Which three products sold best in the {region} last month?"
    query = (
        f"SELECT product, sum(amount) FROM sales WHERE region = '{region}' GROUP BY 1 ORDER BY 2 DESC LIMIT 3"  # noqa: S608 - nobody runs it
    )
    rows = [["oat biscuits", 1841], ["tea, green", 1377], ["honey", 1220]]
    facts = {"db.system.name": "postgresql", "db.query.text": query}
    database = Act(StepKind.DB, "SELECT sales", ms=spread(rng, 180), facts=facts)
    rounds = [
        [Use("describe_table", {"table": "sales"}, "product text, region text, amount int, day date", 20)],
        [Use("run_sql", {"query": query}, rows, 30, steps=(database,))],
    ]
    answer = "1. oat biscuits (1,841)\n2. green tea (1,377)\n3. honey (1,220)"
    root = agent(rng, "analyst", "mistral-large-latest", "You answer with SQL.", prompt, rounds, answer)
    return Story("sales-analyst", "openllmetry", root, title=f"Best sellers in the {region}")


def nightly_batch(rng: Random) -> Story:
    """Two thousand steps: what a night's job looks like, with four workers and a limit that they run into."""
    workers = [
        Act(StepKind.CHAIN, f"worker {w + 1}", steps=[_summary(rng, 125 * w + n) for n in range(125)])
        for w in range(4)
    ]
    pool = Act(StepKind.CHAIN, "workers", steps=workers, is_parallel=True)
    output = "500 documents, 495 summarised, 5 left for the next night"
    root = Act(
        StepKind.CHAIN, "nightly summaries", input="500 documents of yesterday", output=output, steps=[pool]
    )
    return Story("nightly-batch", "otel", root, title="Nightly summaries")


def _summary(rng: Random, number: int) -> Act:
    place = f"{number + 1} of 500"
    minutes = f"Minutes {place}: the group met, heard the report on the roof, and asked for two more offers."
    error = "RateLimitError: 429, try again in 2 s" if number % 97 == 96 else ""
    call = model_call(
        rng,
        "gpt-5-nano",
        [message("system", "Summarise in one sentence."), message("user", minutes)],
        message("assistant", f"The group of meeting {number + 1} asked for two more offers for the roof."),
        overhead=rng.randrange(900, 2_600),
        error=error,
    )
    database = {"db.system.name": "postgresql"}
    steps = [Act(StepKind.DB, "SELECT document", ms=spread(rng, 4), facts=database), call]
    if not error:
        steps.append(Act(StepKind.DB, "UPDATE document", ms=spread(rng, 5), facts=database))
    return Act(StepKind.CHAIN, f"document {number + 1}", ms=3, input=f"document {place}", steps=steps)


def computer_use(rng: Random) -> Story:
    month = rng.choice(_MONTHS)
    prompt = f"Open the supplier portal and download the statement of {month}."
    rounds = [
        [Use("screenshot", {}, "image/png, 212 kB", 300)],
        [
            Use(
                "click",
                {"x": 412, "y": 230},
                "clicked “Statements”",
                150,
                thought="There is a link “Statements”.",
            )
        ],
        [Use("screenshot", {}, "image/png, 198 kB", 290)],
        [Use("click", {"x": 820, "y": 305}, "downloaded statement.pdf, 3 pages", 160)],
    ]
    answer = f"The statement of {month} is saved as statement.pdf (3 pages)."
    root = agent(
        rng, "browser", "claude-sonnet-4-5", "You use a browser.", prompt, rounds, answer, overhead=1_900
    )
    return Story("browser-agent", "vercel", root, title=f"Download the statement of {month}")


SOFTWARE_WORK = (
    fix_a_failing_test,
    refactor_with_many_tools,
    review_a_change,
    research_team,
    ask_the_database,
    computer_use,
)
