"""Agents that serve customers: orders, bookings, invoices, calls."""

from __future__ import annotations

from json import dumps
from random import Random

from bridge.demo.story import Act, Story, Use, agent, message, model_call, spread
from tracen_otel.model import StepKind

_NAMES = (
    "Ada",
    "Ben",
    "Chiara",
    "Daniel",
    "Elif",
    "Farah",
    "Gustav",
    "Hana",
    "Ines",
    "Jonas",
    "Kofi",
    "Lena",
)
_THINGS = ("kettle", "desk lamp", "rain jacket", "pair of headphones", "bicycle pump", "coffee grinder")
_CITIES = ("Lisbon", "Oslo", "Kraków", "Bologna", "Ghent", "Porto", "Graz", "Tallinn")


def _order(rng: Random) -> str:
    return f"{rng.choice('ABKMT')}-{rng.randrange(10_000, 99_999)}"


def where_is_my_order(rng: Random) -> Story:
    order, name, thing = _order(rng), rng.choice(_NAMES), rng.choice(_THINGS)
    days = rng.randrange(2, 6)
    prompt = f"Hi, this is {name}. My {thing} should have been here two days ago. Order {order}. Where is it?"
    answer = (
        f"Hi {name}, your {thing} (order **{order}**) left our warehouse on time, and has been waiting at the sorting "
        f"centre in Hanover since yesterday.\n\nThe carrier now expects it **in {days} days**. I have:\n\n"
        "- put a note on the parcel, so that it is not sent back,\n- refunded the shipping.\n\nSorry for the wait!"
    )
    root = agent(
        rng,
        "support",
        "gpt-5-mini",
        "You are the support agent of a small shop. Look things up before you answer. Be kind and brief.",
        prompt,
        _looked_up_and_made_good(rng, order, thing, days),
        answer,
    )
    return Story(
        "support-agent",
        "otel",
        root,
        user=name.lower(),
        session=f"chat-{order}",
        title=f"Where is order {order}?",
    )


def _looked_up_and_made_good(rng: Random, order: str, thing: str, days: int) -> list[list[Use]]:
    return [
        [Use("get_order", {"order_id": order}, {"order_id": order, "item": thing, "state": "shipped"}, 140)],
        [
            Use(
                "track_parcel",
                {"order_id": order},
                {
                    "carrier": "Northpost",
                    "left": "on time",
                    "last_seen": "sorting centre Hanover, yesterday",
                    "days_left": days,
                },
                620,
                steps=(_http(rng, "GET", "api.northpost.example", "/v2/parcels", 480),),
            )
        ],
        [
            Use(
                "note_on_parcel",
                {"order_id": order, "text": "Do not send back."},
                {"noted": True},
                540,
                steps=(_http(rng, "POST", "api.northpost.example", "/v2/notes", 410),),
            ),
            Use("refund_shipping", {"order_id": order}, {"refunded": "4.90 EUR"}, 310),
        ],
    ]


def refund_with_approval(rng: Random) -> Story:
    order, amount = _order(rng), rng.randrange(20, 180)
    prompt = f"The zip of the jacket broke after one week. I want my {amount} € back. Order {order}."
    policy = "Faulty goods: refund within 14 days without return. Above 150 €: ask a person."
    is_large, asked = amount > 150, {"order_id": order, "amount": amount}
    rounds = [
        [
            Use("get_order", {"order_id": order}, {"total": f"{amount}.00 EUR", "age_days": 8}, 130),
            Use("search_policy", {"query": "refund faulty"}, policy, 210),
        ],
        *([[Use("ask_for_approval", asked, {"approved_by": "Mona"}, 46_000)]] if is_large else []),
        [Use("refund", asked, {"refund": "done"}, 890)],
    ]
    answer = (
        f"That should not happen. {amount} € are on their way back to you; you need not return the jacket."
    )
    root = agent(
        rng, "refunds", "claude-sonnet-4-5", "You decide about refunds by the policy.", prompt, rounds, answer
    )
    return Story(
        "support-agent", "openinference", root, session=f"chat-{order}", title=f"Refund for order {order}"
    )


def book_a_trip(rng: Random) -> Story:
    city, nights = rng.choice(_CITIES), rng.randrange(2, 6)
    prompt = (
        f"Find me a quiet hotel in {city} for {nights} nights in May, under 140 € a night, near the river."
    )
    hotels = [
        {"name": f"Casa {n}", "price": rng.randrange(84, 140), "quiet": n != "Sol", "by": "river"}
        for n in ("Rio", "Sol", "Lua")
    ]
    rounds = [
        [
            Use("search_hotels", {"city": city, "max_price": 140}, hotels, 1_400),
            Use("get_weather", {"city": city, "month": "May"}, {"high": 21, "low": 12, "rain_days": 7}, 320),
        ],
        [
            Use("check_rooms", {"hotel": "Casa Rio", "nights": nights}, {"free": 2}, 760),
            Use("check_rooms", {"hotel": "Casa Lua", "nights": nights}, {"free": 0}, 810),
        ],
    ]
    answer = (
        f"**Casa Rio** in {city} fits best: {hotels[0]['price']} € a night, on the quiet side of the river, two rooms "
        f"left for your {nights} nights.\n\n| hotel | price | quiet | free |\n|---|---|---|---|\n"
        f"| Casa Rio | {hotels[0]['price']} € | yes | 2 |\n| Casa Lua | {hotels[2]['price']} € | yes | none |\n\n"
        "May is mild there (12 to 21 °C) with a week of rain. Shall I book it?"
    )
    root = agent(rng, "travel", "gemini-2.5-flash", "You plan trips.", prompt, rounds, answer)
    return Story("travel-planner", "vercel", root, title=f"A hotel in {city}")


def read_an_invoice(rng: Random) -> Story:
    number, total = rng.randrange(1000, 9999), rng.randrange(200, 4000)
    text = f"INVOICE {number}\nNorthlight Print GmbH\n500 posters A2\nTotal {total},00 EUR\nDue in 14 days"
    fields = {
        "number": str(number),
        "supplier": "Northlight Print GmbH",
        "total": f"{total}.00",
        "currency": "EUR",
    }
    said = [
        message("system", "Extract the fields of the invoice as JSON."),
        message("user", text),
    ]
    extract = model_call(rng, "mistral-small-latest", said, message("assistant", _json(fields)))
    steps = [
        Act(StepKind.OTHER, "read pdf", ms=spread(rng, 240), input=f"invoice-{number}.pdf", output=text),
        extract,
        Act(StepKind.DB, "INSERT invoices", ms=spread(rng, 9), facts={"db.system.name": "postgresql"}),
    ]
    root = Act(StepKind.CHAIN, "extract_invoice", input=f"invoice-{number}.pdf", output=fields, steps=steps)
    return Story("invoice-reader", "mlflow", root, title=f"Read invoice {number}")


def voice_call(rng: Random) -> Story:
    name = rng.choice(_NAMES)
    heard = f"Hello, I am {name}, I would like to move my appointment from Tuesday to Thursday, if you can."
    reply = f"Of course, {name}. Thursday at half past ten is free. Shall I move you there?"
    listen = Act(
        StepKind.OTHER,
        "speech to text",
        ms=spread(rng, 420),
        input="audio/opus, 6.2 s",
        output=heard,
        facts={"audio.model": "whisper-large-v3", "audio.seconds": 6.2},
    )
    slots = Use("find_slots", {"day": "Thursday"}, ["10:30", "15:00"], 160)
    thinks = agent(
        rng, "receptionist", "gpt-4.1-mini", "You answer a dental practice's phone.", heard,
        [[slots]], reply,
    )  # fmt: skip
    speak = Act(
        StepKind.OTHER, "text to speech", ms=spread(rng, 350), input=reply, output="audio/opus, 4.9 s"
    )
    root = Act(StepKind.CHAIN, "voice turn", input=heard, output=reply, steps=[listen, thinks, speak])
    return Story(
        "phone-receptionist",
        "logfire",
        root,
        session=f"call-{rng.randrange(10**6)}",
        title=f"Phone: another day for {name}",
    )


def long_conversation(rng: Random) -> Story:
    """Dozens of turns of a language lesson, and one more question."""
    turns = rng.randrange(40, 80)
    words = ("der Bahnhof", "die Brücke", "das Fenster", "der Schlüssel", "die Straße", "das Gewitter")
    earlier = []
    for n in range(turns):
        word = words[n % len(words)]
        earlier.append(
            message("user", f"What does “{word}” mean, and can I have a sentence with it? ({n + 1})")
        )
        earlier.append(
            message(
                "assistant",
                f"“{word}”: learn it with its article. Sentence {n + 1}: „Ich sehe {word} jeden Tag.“",
            )
        )
    theme = rng.choice(("Please quiz me", "Quiz me, please,", "I want to be tested"))
    prompt = f"{theme} on three of the words that we had."
    answer = "Gladly!\n\n1. the bridge\n2. the key\n3. the thunderstorm\n\nWrite each with its article."
    said = [message("system", "You teach German to beginners."), *earlier, message("user", prompt)]
    call = model_call(rng, "claude-haiku-4-5", said, message("assistant", answer), cached_share=0.93)
    root = Act(StepKind.AGENT, "invoke_agent tutor", input=prompt, output=answer, steps=[call])
    return Story(
        "language-tutor", "langfuse", root, session="lesson-12", title=f"German lesson, turn {turns + 1}"
    )


def triage_inbox(rng: Random) -> Story:
    """Many small calls at once."""
    each = rng.randrange(3, 7)
    subjects = (
        "Invoice overdue",
        "Broken link on /docs",
        "Speaking at your meetup?",
        "Password reset",
        "Thank you!",
    )
    labels = ("billing", "bug", "events", "account", "praise")
    calls = [
        model_call(
            rng,
            "ministral-8b-latest",
            [message("system", "Label the mail with one word."), message("user", subject)],
            message("assistant", label),
        )
        for subject, label in zip(subjects * each, labels * each, strict=True)
    ]
    together = Act(StepKind.CHAIN, "label mails", steps=calls, is_parallel=True)
    output = f"{len(calls)} mails: " + ", ".join(f"{each} {label}" for label in labels)
    root = Act(
        StepKind.CHAIN, "triage_inbox", input=f"{len(calls)} unread mails", output=output, steps=[together]
    )
    return Story(
        "mail-triage", rng.choice(("openllmetry", "mlflow")), root, title=f"Label {len(calls)} mails"
    )


def _http(rng: Random, method: str, host: str, path: str, ms: float, status: int = 200) -> Act:
    facts = {
        "http.request.method": method,
        "url.full": f"https://{host}{path}",
        "server.address": host,
        "http.response.status_code": status,
    }
    return Act(StepKind.HTTP, f"{method} {path}", ms=spread(rng, ms), facts=facts)


def _json(value: object) -> str:
    return dumps(value, ensure_ascii=False)


SERVICE_WORK = (
    where_is_my_order,
    refund_with_approval,
    book_a_trip,
    read_an_invoice,
    voice_call,
    long_conversation,
    triage_inbox,
)
