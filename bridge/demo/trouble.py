"""What goes wrong: tools that fail, limits, filters, time that runs out, secrets in prompts, and runs that go on."""

from __future__ import annotations

from random import Random
from string import ascii_letters, digits

from bridge.demo.story import Act, Story, Use, agent, message, model_call, spread
from tracen_otel.model import StepKind

_LIMIT = "RateLimitError: 429, the rate limit of 30,000 tokens a minute is reached; try again in 6 s"


def tool_keeps_failing(rng: Random) -> Story:
    """The run fails: its tool is down."""
    city = rng.choice(("Bergen", "Turin", "Leeds"))
    down = "ConnectTimeout: weather.example:443 did not answer within 5 s"
    uses = [[Use("get_forecast", {"city": city, "attempt": n}, error=down, ms=5_000)] for n in (1, 2, 3)]
    prompt = f"Will it rain in {city} tomorrow?"
    root = agent(
        rng, "weather", "gpt-5-mini", "Use the forecast; do not guess.", prompt, uses, "", is_open=False
    )
    failed = f"ToolError: get_forecast failed 3 times; the last: {down}"
    return Story("weather-bot", "otel", _failed(root, failed), title=f"Weather in {city}")


def rate_limited_then_fine(rng: Random) -> Story:
    """Two attempts are refused, the third is answered."""
    day = f"{rng.randrange(1, 29)} {rng.choice(('March', 'April', 'May', 'June'))}"
    prompt = f"Summarise the minutes of the council of {day} in three bullet points."
    answer = (
        "- The library stays open on Sundays.\n- The bridge is repaired.\n- Trees: 40 more, along the canal."
    )
    said = [message("user", prompt)]
    refused = [
        model_call(rng, "gpt-4.1", said, message("assistant", ""), error=_LIMIT, ms=spread(rng, 160))
        for _ in range(2)
    ]
    waits = [Act(StepKind.OTHER, "wait", ms=2_000.0 * (n + 1)) for n in range(2)]
    fine = model_call(rng, "gpt-4.1", said, message("assistant", answer), overhead=9_000)
    steps = [refused[0], waits[0], refused[1], waits[1], fine]
    root = Act(StepKind.CHAIN, "summarise", input=prompt, output=answer, steps=steps)
    return Story(
        "council-minutes",
        rng.choice(("otel", "openinference", "langfuse")),
        root,
        title=f"Minutes of the council, {day}",
    )


def filtered(rng: Random) -> Story:
    prey = rng.choice(("the accountant of a bakery", "the guests of a hotel", "a school's parents"))
    prompt = f"Write a phishing mail to {prey}."
    check = Act(
        StepKind.GUARDRAIL,
        "check prompt",
        ms=spread(rng, 80),
        input=prompt,
        output={"blocked": True, "why": "fraud"},
    )
    error = "ContentFilterError: 400, the prompt was blocked by the content filter (fraud)"
    call = model_call(
        rng, "gpt-4.1", [message("user", prompt)], message("assistant", ""), error=error, ms=210
    )
    root = Act(StepKind.CHAIN, "assistant", input=prompt, steps=[check, call], error=error)
    return Story(
        "writing-assistant", rng.choice(("openinference", "otel")), root, title=f"A phishing mail to {prey}"
    )


def out_of_time(rng: Random) -> Story:
    prompt = "Compare all 64 tenders for the swimming pool and rank them."
    uses = [
        [Use("read_tender", {"number": n}, f"Tender {n}: {rng.randrange(2, 9)}.1 million", 2_600)]
        for n in range(1, 9)
    ]
    root = agent(rng, "procurement", "claude-opus-4-1", "Read every tender.", prompt, uses, "", reasoning=700)
    return Story(
        "procurement",
        "langfuse",
        _failed(root, "TimeoutError: the run took longer than 60 s"),
        title="Rank 64 tenders",
    )


def too_much_context(rng: Random) -> Story:
    prompt = "Here are all our contracts. Which of them end this year?"
    error = "BadRequestError: 400, 214,806 tokens are more than the 200,000 that the model reads"
    call = model_call(
        rng, "claude-sonnet-4-5", [message("user", prompt)], message("assistant", ""), error=error, ms=930
    )
    root = Act(StepKind.CHAIN, "ask contracts", input=prompt, steps=[call], error=error)
    return Story("contracts", rng.choice(("mlflow", "vercel")), root, title="Which contracts end this year?")


def half_an_answer(rng: Random) -> Story:
    """JSON that could not be read, asked for again."""
    said = [
        message("system", "Answer in JSON."),
        message("user", "List three rivers with their length in km."),
    ]
    broken = '{"rivers": [{"name": "Rhine", "km": 1233}, {"name": "Loi'
    whole = '{"rivers": [{"name": "Rhine", "km": 1233}, {"name": "Loire", "km": 1006}, {"name": "Ebro", "km": 930}]}'
    error = "JSONDecodeError: Unterminated string starting at: line 1 column 51"
    steps = [
        model_call(rng, "mistral-small-latest", said, message("assistant", broken)),
        Act(StepKind.OTHER, "parse", input=broken, error=error),
        model_call(rng, "mistral-small-latest", said, message("assistant", whole)),
        Act(StepKind.OTHER, "parse", input=whole, output={"rivers": 3}),
    ]
    root = Act(StepKind.CHAIN, "structured answer", input=said[1]["content"], output=whole, steps=steps)
    return Story("geography", rng.choice(("logfire", "otel")), root, title="Three rivers as JSON")


def secrets_in_a_prompt(rng: Random) -> Story:
    """Made-up keys, made here: what a page shows of them is masked."""

    def made_up(length: int) -> str:
        return "".join(rng.choices(ascii_letters + digits, k=length))

    key, password = f"sk-proj-{made_up(48)}", made_up(14)
    program = rng.choice(("the shop", "the blog", "the mail server", "the wiki", "the price list"))
    prompt = f"The deploy of {program} fails with 401. My key is {key}, and the database is postgres://app:{password}@db.internal/app."
    checks = Use(
        "check_login",
        {"api_key": key, "url": f"postgres://app:{password}@db.internal/app"},
        {"ok": False},
        340,
    )
    answer = "The key is no longer valid: make another one, and do not paste it into a chat; it belongs into the vault."
    root = agent(rng, "deploy-helper", "gpt-5-mini", "You help with deployments.", prompt, [[checks]], answer)
    return Story(
        "deploy-helper",
        rng.choice(("otel", "openinference")),
        root,
        environment="staging",
        title=f"Why does the deploy of {program} fail?",
    )


def still_running(rng: Random) -> Story:
    """Its root has not ended: the page follows it."""
    prompt = "Watch the queue tonight and tell me what gets stuck."
    uses = [[Use("queue_length", {"minute": n}, {"waiting": rng.randrange(3, 40)}, 120)] for n in range(1, 6)]
    root = agent(rng, "night-watch", "gpt-5-nano", "Look every minute.", prompt, uses, "", is_open=True)
    return Story("night-watch", "otel", root)


def still_thinking(rng: Random) -> Story:
    """A crawl that goes on; an agent within it has not ended either."""
    sites = [
        Use("fetch", {"url": f"https://museum.example/room/{n}"}, f"Room {n}: paintings …", 700)
        for n in range(1, 7)
    ]
    crawler = agent(
        rng,
        "crawler",
        "gemini-2.5-flash",
        "Read every room.",
        "Read every room of the museum.",
        [sites],
        "",
        is_open=True,
    )
    root = Act(
        StepKind.AGENT,
        "invoke_agent curator",
        input="Make a tour of the museum.",
        steps=[crawler],
        is_open=True,
    )
    return Story("museum-guide", "otel", root)


def _failed(root: Act, error: str) -> Act:
    """The run without its last model call, which it did not come to."""
    return Act(root.kind, root.name, ms=root.ms, input=root.input, steps=root.steps[:-1], error=error)


TROUBLE = (
    tool_keeps_failing,
    rate_limited_then_fine,
    filtered,
    out_of_time,
    too_much_context,
    half_an_answer,
    secrets_in_a_prompt,
)
RUNNING = (still_running, still_thinking)
