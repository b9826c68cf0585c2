"""Short conversations in many languages and scripts, some from right to left."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from bridge.demo.story import Act, Story, Use, agent, message, model_call
from tracen_otel.model import StepKind

_EXCHANGES = (
    (
        "ما أفضل وقت لزيارة مدينة فاس؟",
        "أفضل وقت هو الربيع، من **مارس** إلى **مايو**: الجو معتدل والحدائق مزهرة.",
    ),
    (
        "איך מכינים שקשוקה לארבעה אנשים?",
        "מטגנים בצל ופלפל, מוסיפים **עגבניות** ותבלינים, ואז שמונה ביצים.",
    ),
    ("یک شعر کوتاه درباره باران بنویس.", "باران آمد و کوچه‌ها را شست،\nدل من نیز سبک شد و رست."),
    (
        "京都で雨の日に楽しめる場所を三つ教えてください。",
        "1. **京都国立博物館**\n2. 錦市場\n3. 三十三間堂\n\nどこも屋根があり、傘なしで楽しめます。",
    ),
    (
        "请用一句话解释什么是分布式追踪。",
        "分布式追踪记录一次请求经过的**每一个步骤**，以便看出时间花在哪里、错误出在哪里。",
    ),
    (
        "제주도 2박 3일 일정을 짜 주세요.",
        "첫째 날은 **서귀포**, 둘째 날은 한라산, 셋째 날은 동문시장을 추천합니다.",
    ),
    ("मसाला चाय कैसे बनाते हैं?", "पानी में अदरक और इलायची उबालें, फिर **चायपत्ती** और दूध डालें।"),
    ("แนะนำอาหารไทยสำหรับคนที่กินเผ็ดไม่ได้", "ลอง **ข้าวมันไก่** หรือ *ต้มจืดเต้าหู้* ทั้งสองจานไม่เผ็ดเลย"),
    (
        "Как перевести «уют» на английский?",
        "Ближе всего **cosiness**, но слово теплее: это дом, лампа и чай.",
    ),
    (
        "Ποιο φάρμακο κάνει για πονοκέφαλο;",
        "Συνήθως βοηθά η **παρακεταμόλη**· αν ο πόνος επιμένει, ρωτήστε γιατρό.",
    ),
    (
        "Wie lange muss ein Frühstücksei kochen?",
        "Für ein **weiches** Ei fünf Minuten, für ein wachsweiches sieben.",
    ),
    (
        "Qual é a diferença entre “por” e “para”?",
        "“Por” diz a **causa** ou o meio; “para” diz o **destino** ou o fim.",
    ),
    (
        "İstanbul'da kahvaltı için nereye gideyim?",
        "**Beşiktaş**'ta kahvaltıcılar sokağı iyidir; hafta sonu erken gidin.",
    ),
    (
        "Tell me the plot of Moby-Dick in emoji 🐳",
        "👨‍✈️🦿😡 ➡️ 🐳\n🚢🌊🌊🔱\n🐳💥🚢\n🛟👨🏽‍🦱 *“Call me…”* 📖",
    ),
)
"""Questions and answers."""
_MODELS = (
    "gpt-5-mini",
    "gemini-2.5-flash",
    "mistral-medium-latest",
    "claude-haiku-4-5",
    "qwen3-32b",
    "llama-3.3-70b",
)
_DIALECTS = ("otel", "openinference", "openllmetry", "vercel", "langfuse", "mlflow", "logfire")


def _conversation(prompt: str, answer: str) -> Callable[[Random], Story]:
    def told(rng: Random) -> Story:
        call = model_call(
            rng,
            rng.choice(_MODELS),
            [message("system", "Answer briefly, in the language of the question."), message("user", prompt)],
            message("assistant", answer),
        )
        root = Act(StepKind.AGENT, "invoke_agent concierge", input=prompt, output=answer, steps=[call])
        return Story(
            "concierge",
            rng.choice(_DIALECTS),
            root,
            user=f"guest-{rng.randrange(900)}",
            title=prompt,
        )

    return told


def translate_a_menu(rng: Random) -> Story:
    """One text, four languages at once."""
    menu = "Soup of the day · grilled trout with potatoes · plum cake"
    told = {
        "ja": "本日のスープ・鱒のグリル、じゃがいも添え・プラムケーキ",
        "ar": "حساء اليوم · سلمون مرقط مشوي مع البطاطس · كعكة البرقوق",
        "uk": "Суп дня · форель на грилі з картоплею · сливовий пиріг",
        "fr": "Soupe du jour · truite grillée et pommes de terre · gâteau aux prunes",
    }
    uses = [Use("translate", {"text": menu, "to": to}, text, 900) for to, text in told.items()]
    answer = "\n".join(f"- **{to}** {text}" for to, text in told.items())
    prompt = f"Translate our menu into Japanese, Arabic, Ukrainian and French: {menu}"
    root = agent(rng, "translator", "gpt-4.1", "You translate menus.", prompt, [uses], answer)
    return Story("menu-translator", rng.choice(_DIALECTS), root, title="A menu in four languages")


LANGUAGES = (
    *(_conversation(*exchange) for exchange in _EXCHANGES),
    translate_a_menu,
)
