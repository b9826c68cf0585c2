"""Programs that look things up, embed, judge and translate."""

from __future__ import annotations

from random import Random

from bridge.demo.story import Act, Story, message, model_call, spread
from tracen_otel.model import StepKind

_HANDBOOK = (
    ("How many days of leave do I have in my first year?", "leave.md",
     "Everybody has 30 days of leave a year; in the first year 2.5 for each full month.",
     "**2.5 days for each full month** of your first year, and 30 days a year from then on [leave.md]."),
    ("Who pays for the train when I visit a customer?", "travel.md",
     "Trains in second class are booked by the office. Keep the receipt for anything else.",
     "The office books trains in second class for you [travel.md]; for the rest, keep the receipt."),
    ("May I use my own laptop for work?", "devices.md",
     "Own devices may be used for mail alone, with the disk encrypted.",
     "Only for mail, and only if its disk is encrypted [devices.md]."),
    ("What do I do when the build server is down?", "incidents.md",
     "Announce it in #incidents, then follow runbook 7: restart the agents one by one.",
     "Announce it in #incidents, then restart the agents one by one, as runbook 7 says [incidents.md]."),
)  # fmt: skip


def handbook_question(rng: Random) -> Story:
    question, source, passage, answer = rng.choice(_HANDBOOK)
    documents = [
        {"content": passage, "score": round(rng.uniform(0.82, 0.95), 3), "id": source},
        {"content": "This page lists what changed in the handbook.", "score": 0.61, "id": "changes.md"},
        {"content": "Welcome! Start here.", "score": 0.48, "id": "index.md"},
    ]
    embed = Act(
        StepKind.EMBEDDING, "embeddings text-embedding-3-small", ms=spread(rng, 90), input=question,
        model="text-embedding-3-small", tokens=(12, 0),
    )  # fmt: skip
    search = Act(
        StepKind.RETRIEVAL,
        "search handbook",
        ms=spread(rng, 35),
        input=question,
        output=documents,
        steps=[embed],
    )
    ranked = Act(
        StepKind.RERANK,
        "rerank",
        ms=spread(rng, 110),
        input=question,
        output=documents[:1],
        facts={"top_k": 1},
    )
    said = [
        message("system", f"Answer from these passages, with sources:\n\n{source}: {passage}"),
        message("user", question),
    ]
    speak = model_call(rng, "gpt-4.1-mini", said, message("assistant", answer))
    root = Act(StepKind.CHAIN, "handbook", input=question, output=answer, steps=[search, ranked, speak])
    return Story(
        "handbook-bot",
        rng.choice(("openinference", "mlflow", "langfuse")),
        root,
        title=f"Handbook: {question}",
    )


def embed_a_library(rng: Random) -> Story:
    """A batch: forty requests, eight at a time."""

    def request(n: int) -> Act:
        return Act(
            StepKind.EMBEDDING, "embeddings text-embedding-3-large", ms=spread(rng, 640),
            input=f"256 paragraphs of book {n + 1}", model="text-embedding-3-large",
            tokens=(rng.randrange(18_000, 26_000), 0),
        )  # fmt: skip

    waves = [
        Act(StepKind.CHAIN, f"wave {w + 1}", steps=[request(8 * w + n) for n in range(8)], is_parallel=True)
        for w in range(5)
    ]
    output = "40 books, 10,240 vectors of 3,072 numbers"
    root = Act(StepKind.CHAIN, "embed library", input="40 books", output=output, steps=waves)
    return Story("library-index", rng.choice(("otel", "openinference")), root, title="Embed 40 books")


def judge_answers(rng: Random) -> Story:
    """An evaluation: a model judges what another one answered."""
    model = rng.choice(("ministral-8b", "gpt-5-nano", "qwen3-32b", "llama-3.3-70b"))
    cases = (
        "Name the capital of Peru.",
        "Is 91 prime?",
        "Translate “rain” into Finnish.",
        "How many legs has a beetle?",
    )
    answers = ("Lima", "No: it is 7 × 13.", "sade", "Six")
    steps: list[Act] = []
    for case, answer in zip(cases, answers, strict=True):
        asked = model_call(rng, model, [message("user", case)], message("assistant", answer))
        verdict = message("assistant", '{"correct": true, "reason": "matches the reference"}')
        judged = model_call(
            rng, "gpt-5", [message("user", f"{case}\nAnswer: {answer}\nCorrect?")], verdict, reasoning=120
        )
        judge = Act(StepKind.EVALUATION, "judge", input=answer, output={"correct": True}, steps=[judged])
        steps.append(Act(StepKind.CHAIN, case, input=case, output=answer, steps=[asked, judge]))
    root = Act(
        StepKind.EVALUATION,
        f"evaluate {model}",
        input=f"{len(cases)} questions",
        output="4 of 4 correct",
        steps=steps,
    )
    return Story(
        "evaluations",
        rng.choice(("mlflow", "openinference")),
        root,
        environment="ci",
        title=f"Evaluate {model}",
    )


def hard_sum(rng: Random) -> Story:
    """A model that thinks for a long time."""
    a, b = rng.randrange(1_000, 9_999), rng.randrange(1_000, 9_999)
    prompt = f"Without a calculator: is {a} × {b} divisible by 3? Explain in two sentences."
    digits = sum(map(int, str(a))), sum(map(int, str(b)))
    answer = (
        f"The digits of {a} add up to {digits[0]} and those of {b} to {digits[1]}. "
        + ("One of them is a multiple of 3, so the product is." if 0 in (digits[0] % 3, digits[1] % 3)
           else "Neither is a multiple of 3, so the product is not.")
    )  # fmt: skip
    call = model_call(
        rng,
        "o3",
        [message("user", prompt)],
        message("assistant", answer),
        reasoning=rng.randrange(900, 5_000),
    )
    root = Act(StepKind.CHAIN, "ask", input=prompt, output=answer, steps=[call])
    return Story(
        "maths-tutor", rng.choice(("otel", "langfuse", "vercel")), root, title=f"Is {a} × {b} divisible by 3?"
    )


def describe_a_picture(rng: Random) -> Story:
    scene = rng.choice(("a harbour at dusk", "two foxes in snow", "a market with red awnings"))
    prompt = f"Write an alternative text for the attached picture ({scene.split()[-1]}.jpg)."
    answer = f"A photograph of {scene}, taken from above; nobody looks into the camera."
    call = model_call(
        rng, "gemini-2.5-pro", [message("user", prompt)], message("assistant", answer), overhead=1_290
    )
    root = Act(StepKind.CHAIN, "alt text", input=prompt, output=answer, steps=[call])
    return Story(
        "picture-desk", rng.choice(("vercel", "openllmetry")), root, title=f"Alternative text: {scene}"
    )


KNOWLEDGE_WORK = (handbook_question, embed_a_library, judge_answers, hard_sum, describe_a_picture)
