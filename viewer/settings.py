"""Every setting of the service, once: its name, default and help.

`tracen serve` makes its flags from this table; the variable is the name in capitals after `TRACEN_`.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import Any

from platformdirs import user_data_path

from tracen_otel.fields import MAX_BODY_BYTES

MIB = 1024 * 1024


def default_db() -> str:
    """One file per user, so that every command finds the same one from every folder."""
    return str(user_data_path("tracen") / "tracen.db")


def _setting(
    default: Any, help: str, least: int = 1, choices: tuple[str, ...] = (), *, is_secret: bool = False
) -> Any:
    metadata = {"help": help, "least": least, "choices": choices}
    return field(default=default, repr=not is_secret, metadata=metadata)


def flag_of(setting: Field[Any]) -> str:
    """The flag of `tracen serve` for a setting; a switch has two."""
    name = setting.name.replace("_", "-")
    return f"--{name}/--no-{name}" if isinstance(setting.default, bool) else f"--{name}"


_NS_BY_UNIT = {"h": 3600 * 10**9, "d": 24 * 3600 * 10**9, "w": 7 * 24 * 3600 * 10**9}


def duration_ns(text: str) -> int:
    """Nanoseconds of a time such as 12h, 30d or 8w. Raises ValueError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _NS_BY_UNIT or not number.isdecimal() or not 1 <= int(number[:6]) <= 99_999:
        raise ValueError(
            f"expected a number of hours, days or weeks such as 12h, 30d or 8w, got {text[:40]!r}"
        )
    return int(number) * _NS_BY_UNIT[unit]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose. Field metadata `help` is the text of `--help` and of the reference."""

    db: str = field(
        default_factory=default_db,
        metadata={
            "help": "SQLite file; made if it does not exist. What is received is beside it, in FILE-bodies; the lists "
            "of traces, in FILE-search, are made anew if lost. FILE-reserve, 16 MB at most, is room that deleting uses "
            "where the disk is full. FILE-forward, if it is there, has what is delivered to another endpoint.",
            "least": 0,
            "choices": (),
        },
    )
    host: str = _setting("127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
    port: int = _setting(8000, "Port of pages and API (OTLP/HTTP is answered here too); 0 picks a free one.")
    otlp_grpc_port: int = _setting(4317, "Port of OTLP/gRPC; 0 picks a free one.")
    otlp_http_port: int = _setting(4318, "Port of OTLP/HTTP; 0 picks a free one.")
    base_url: str = _setting("", "Start of every URL that is handed out; default: http://HOST:PORT.")
    allowed_hosts: str = _setting(
        "", "More names that pages answer to (a.example,b.example or *), beside addresses and --base-url's."
    )
    proxies: int = _setting(
        0, "Reverse proxies in front that append to X-Forwarded-For; 0: it is not believed.", least=0
    )
    sign_up: str = _setting(
        "auto",
        "Who may make an account; auto: anybody while --host is this machine alone, else by invitation; "
        "closed: nobody, invitations included.",
        choices=("auto", "open", "invitation", "closed"),
    )
    cors_origins: str = _setting(
        "", "Origins whose browsers may send to the OTLP/HTTP port: https://a.example,https://b.example or *."
    )
    requests_per_hour: int = _setting(100, "Accepted POST /api/traces per key in any rolling hour.")
    plans: str = _setting(
        "",
        "Accepted POST /api/traces per hour and key by the account's plan: free=100,pro=1000; accounts start with "
        "the first. Default: one plan, with --requests-per-hour.",
    )
    max_body_bytes: int = _setting(MAX_BODY_BYTES, "Largest POST /api/traces body, also after decompression.")
    otlp_max_body_bytes: int = _setting(64 * MIB, "Largest OTLP request body, also after decompression.")
    otlp_bytes_per_minute: int = _setting(
        0,
        "OTLP bytes of an account in a minute; beyond, senders are asked to come back. 0: any number.",
        least=0,
    )
    account_max_bytes: int = _setting(
        0, "Bytes kept for an account; beyond, OTLP is answered as by a full disk. 0: any number.", least=0
    )
    require_subscription: bool = _setting(
        False, "Answer POST /api/traces of accounts without a subscription with 402."
    )
    stripe_secret_key: str = _setting(
        "", "Stripe's secret key, for subscriptions; best by environment.", is_secret=True
    )
    stripe_webhook_secret: str = _setting(
        "", "What Stripe signs its webhooks with; best by environment.", is_secret=True
    )
    stripe_prices: str = _setting(
        "",
        "Plans that are sold, and their Stripe prices: pro=price_123,team=price_456; "
        "further prices of a plan are recognised, not sold.",
    )
    stripe_api_base: str = _setting("", "Another address of Stripe's API, for tests.")
    operator_token: str = _setting(
        "", "Bearer token that /metrics asks for; default: none. Best by environment.", is_secret=True
    )
    retention: str = _setting(
        "", "Delete traces this old (12h, 30d, 8w) that nobody posted or looked at; default: keep for ever."
    )
    redact: bool = _setting(
        True, "Mask secrets in what is posted before it is kept, and before a page is shown."
    )
    forward_to: str = _setting(
        "",
        "Another Tracen endpoint, such as https://traces.example, that finished traces are delivered to; "
        "default: none.",
    )
    forward_key: str = _setting(
        "", "API key of the account there that gets them; best by environment.", is_secret=True
    )
    forward_only: str = _setting(
        "all",
        "What is delivered; llm: traces in which a model, agent or tool was at work.",
        choices=("all", "llm"),
    )
    forward_order: str = _setting(
        "oldest",
        "What goes first where the limit of the other endpoint keeps traces waiting.",
        choices=("oldest", "newest"),
    )
    forward_quiet: int = _setting(
        2, "Seconds without news after which a trace whose root has come is delivered."
    )
    forward_rootless: int = _setting(60, "The same for one whose root has not come.")
    forward_longest: int = _setting(300, "Seconds after which a trace is delivered, whatever still comes.")
    forward_per_hour: int = _setting(
        0,
        "Posts in any rolling hour; 0: as many as the other endpoint says that it takes, 100 where it does not say.",
        least=0,
    )
    forward_past: bool = _setting(False, "Deliver as well what was there before forwarding was switched on.")
    forward_accounts: str = _setting(
        "", "Accounts whose traces are delivered: a@team.example,b@team.example; default: all."
    )
    tls_cert: str = _setting("", "Certificate chain (PEM) of all three ports; taken up anew when it changes.")
    tls_key: str = _setting("", "Its private key (PEM).")
    log_format: str = _setting("text", "How log lines are written to stderr.", choices=("text", "json"))
    log_level: str = _setting(
        "info", "The least that is logged.", choices=("debug", "info", "warning", "error")
    )

    @property
    def sign_up_mode(self) -> str:
        """open, invitation or closed."""
        if self.sign_up != "auto":
            return self.sign_up
        return "open" if self.host in ("127.0.0.1", "::1", "localhost") else "invitation"

    @property
    def cors_origin_list(self) -> tuple[str, ...]:
        return tuple(origin.strip() for origin in self.cors_origins.split(",") if origin.strip())

    @property
    def retention_ns(self) -> int | None:
        """None: for ever."""
        return duration_ns(self.retention) if self.retention else None
