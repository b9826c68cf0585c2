"""Every setting of the service, once: its name, default and help.

`tracen serve` makes its flags from this table; the variable is the name in capitals after `TRACEN_`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from platformdirs import user_data_path

from tracen_otel.payload import MAX_BODY_BYTES

MIB = 1024 * 1024


def default_db() -> str:
    """One file per user, so that every command finds the same one from every folder."""
    return str(user_data_path("tracen") / "tracen.db")


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose. Field metadata `help` is the text of `--help` and of the reference."""

    db: str = field(default_factory=default_db, metadata={"help": "SQLite file; made if it does not exist."})
    host: str = _setting("127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
    port: int = _setting(8000, "Port of pages and API (OTLP/HTTP is answered here too); 0 picks a free one.")
    otlp_grpc_port: int = _setting(4317, "Port of OTLP/gRPC; 0 picks a free one.")
    otlp_http_port: int = _setting(4318, "Port of OTLP/HTTP; 0 picks a free one.")
    base_url: str = _setting("", "Start of every URL that is handed out; default: http://HOST:PORT.")
    cors_origins: str = _setting(
        "", "Origins whose browsers may send to the OTLP/HTTP port: https://a.example,https://b.example or *."
    )
    requests_per_hour: int = _setting(100, "Accepted POST /api/traces per key in any rolling hour.")
    max_body_bytes: int = _setting(MAX_BODY_BYTES, "Largest POST /api/traces body, also after decompression.")
    otlp_max_body_bytes: int = _setting(64 * MIB, "Largest OTLP request body, also after decompression.")

    @property
    def cors_origin_list(self) -> tuple[str, ...]:
        return tuple(origin.strip() for origin in self.cors_origins.split(",") if origin.strip())
