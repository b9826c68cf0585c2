"""What is said in the traces: written to be read, since people judge the pages by them."""

from __future__ import annotations

VENDORS = ("Nordlys Paper AS", "Ferreira & Filhos", "Kestrel Logistics", "Blue Anchor Catering", "Werk9 GmbH")


def invoice_question(invoice: str, vendor: str, amount: float) -> str:
    """What the checker asks the model about one invoice."""
    return (
        f"Invoice {invoice} from {vendor} asks for {amount:,.2f} EUR. The order in the ERP is attached. "
        "Does the invoice match the order? Answer with match, mismatch or unclear, then one sentence."
    )


def invoice_verdict(invoice: str, amount: float) -> str:
    """What the model says about it."""
    return (
        f"match. {invoice} bills the {amount:,.2f} EUR that the order names, on the agreed terms of 30 days."
    )


RESEARCH_QUESTION = (
    "Do hedgerows raise the yield of the fields beside them, or only move the pollinators around? "
    "Find field studies since 2015 and tell me how strong the evidence is."
)
RESEARCH_PLAN = (
    "I will look for field studies with a control (no hedgerow, same crop, same year), separate yield from "
    "visitation counts, and check whether the gain reaches past the first rows."
)
RESEARCH_SEARCHES = (
    ("hedgerow crop yield field study control", "Castle et al. 2019; Albrecht et al. 2020 (synthesis of 35)"),
    ("hedgerow distance decay pollination service", "Morandin & Kremen 2013; Garratt et al. 2017"),
    ("wildflower strip yield oilseed rape UK 2016..2024", "Pywell et al. 2015; Woodcock et al. 2016"),
)
RESEARCH_FOLLOW_UP = "Summarise what these three searches agree on before reading the papers in full."
RESEARCH_NOTE = (
    "They agree that pest control improves near hedges (about 16 % in the synthesis). On yield they differ: "
    "no consistent gain in the synthesis, a gain for beans in Pywell et al. I will read those two in full."
)

ADVICE = (
    "Before you change the schema, take a copy of the table and time the migration on it. If it takes longer "
    "than the maintenance window, split it: add the new column empty, fill it in batches of ten thousand rows "
    "while the service runs, and swap the names last. "
)

LONG_QUESTION = "We move from one PostgreSQL 13 server to 17 with logical replication. Write the runbook."

_CHAPTERS = (
    ("Take stock", "tables without a primary key", "SELECT relname FROM pg_class WHERE relreplident = 'n';"),
    ("Prepare the old server", "wal_level and free slots", "ALTER SYSTEM SET wal_level = 'logical';"),
    ("Copy the schema", "extensions first, then objects", "pg_dump --schema-only shop | psql -h new shop"),
    ("Publish", "one publication for all tables", "CREATE PUBLICATION move FOR ALL TABLES;"),
    (
        "Subscribe",
        "the first copy runs now",
        "CREATE SUBSCRIPTION move CONNECTION 'host=old' PUBLICATION move;",
    ),
    (
        "Watch the lag",
        "until it stays under a second",
        "SELECT slot_name, confirmed_flush_lsn FROM pg_replication_slots;",
    ),
    (
        "Carry the sequences over",
        "replication leaves them behind",
        "SELECT setval('orders_id_seq', 9183022);",
    ),
    (
        "Rehearse the switch",
        "with a read-only hour",
        "ALTER DATABASE shop SET default_transaction_read_only = on;",
    ),
    ("Switch", "drain, compare, repoint", "SELECT count(*), max(updated_at) FROM orders;"),
    ("Keep the way back", "replicate in the other direction", "CREATE PUBLICATION back FOR ALL TABLES;"),
)


def long_answer(size: int = 30_000) -> str:
    """A runbook in Markdown of about `size` characters: headings, lists, a table, code."""
    parts = [
        "# Runbook: PostgreSQL 13 → 17 with logical replication\n\n| phase | who | window |\n|---|---|---|\n"
        "| rehearsal | platform | Tuesday, 10:00–12:00 |\n| switch | platform, shop | Sunday, 04:00–04:20 |\n\n"
    ]
    number = 0
    while sum(map(len, parts)) < size:
        title, what, command = _CHAPTERS[number % len(_CHAPTERS)]
        round_ = number // len(_CHAPTERS) + 1
        number += 1
        parts.append(
            f"## {number}. {title}{f' (database {round_})' if round_ > 1 else ''}\n\n"
            f"Look at **{what}** before anything else. {ADVICE}\n\n"
            f"```sql\n{command}\n```\n\n"
            "- [ ] done on staging, with the time it took\n"
            "- [ ] read by somebody who did *not* write it\n"
            "- [ ] the step that undoes it is written below and was tried\n\n"
            "> If a number surprises you, stop here. The old server still takes writes; nothing is lost.\n\n"
        )
    return "".join(parts)


SUPPORT_TURNS = (
    ("user", "My parcel says delivered, but nothing is here."),
    (
        "assistant",
        "I am sorry. The courier noted “left with a neighbour, no. 14”. Could you ask there first?",
    ),
    ("user", "There is no number 14 in this street. It ends at 12."),
    ("assistant", "Then the note is wrong. I have asked the depot for the place where it was scanned."),
    ("user", "How long does that take? It is a birthday present for Saturday."),
    (
        "assistant",
        "The depot answers within four hours. If it has not by 17:00, I send a second one by express.",
    ),
    ("user", "Could you check again? It has been a while."),
    (
        "assistant",
        "The scan was 300 metres away, at the bakery on Mill Lane. They close at six and know of it.",
    ),
)

HANDOVER = "Translate this clause so that a tenant without legal training understands it."
DEEP_RESULT = "You may end the contract with three months’ notice, at any time and without giving a reason."

TABLE_QUESTION = "Get us a table for four at Taberna do Mar on Friday, around eight."
TABLE_ANSWER = (
    "You have a table for four at Taberna do Mar on Friday at 20:00. The booking is TM-4471, under your name."
)
TRACEBACK = """Traceback (most recent call last):
  File "/app/concierge/tools.py", line 88, in book_table
    answer = client.post("/bookings", json=request, timeout=2)
  File "/app/.venv/lib/python3.12/site-packages/httpx/_client.py", line 1144, in post
    return self.request("POST", url, json=json, timeout=timeout)
httpx.ReadTimeout: The read operation timed out"""

CITIES = ("Lisbon", "Porto", "Faro", "Évora", "Braga", "Coimbra", "Setúbal", "Viseu", "Aveiro", "Leiria")

ARABIC = (
    "ما هي أفضل طريقة لزيارة متحف MAAT في لشبونة يوم السبت؟ معي طفلان، والميزانية 60 يورو.",
    "اذهبوا صباحًا قبل الساعة 11:00. سعر التذكرة 11 € للبالغين، والدخول مجاني للأطفال دون 12 سنة.\n\n"
    "1. خذوا الترام رقم 15E إلى محطة Belém.\n2. احجزوا عبر الموقع https://www.maat.pt/en (أرخص بنسبة 10٪).\n"
    "3. تناولوا الغداء في الحديقة المطلة على النهر.",
    "تخطيط رحلة عائلية",
)
HEBREW = (
    "אפשר לשנות את ההזמנה מספר 48-2217 ליום ראשון?",
    "כן. שיניתי את המשלוח ליום ראשון, 29.11, בין 9:00 ל-12:00. לא נוסף חיוב (₪0).",
    "שינוי הזמנה",
)
JAPANESE = (
    "来週の京都出張の予定を立ててください。火曜の午前は会議があります📅",
    "火曜日は10時から四条で会議、昼食は錦市場が便利です🍱\n午後は「京都国立近代美術館」が空いています。"
    "移動は地下鉄で12分、運賃は220円です。👩‍👩‍👧‍👦 家族連れの場合は市バス一日券（700円）をお勧めします。🇯🇵",
    "出張計画エージェント 🗾",
)
CHINESE = "请核对酒店价格，预算每晚不超过八百元。"
KOREAN = "서울에서 출발하는 항공편을 확인했습니다. ✈️ 오전 편이 가장 저렴합니다."

CODE_REVIEW = (
    "Why does this return the same list every time?\n\n"
    "def add(item, basket=[]):\n    basket.append(item)\n    return basket"
)


def zalgo(text: str = "it comes through the log file") -> str:
    """The text under heaps of combining marks."""
    marks = [chr(code) for code in range(0x300, 0x36F)]
    return "".join(
        c + "".join(marks[(n * 7 + k) % len(marks)] for k in range(24)) for n, c in enumerate(text)
    )
