"""What an operator wants delivered, where to and when: the `forward_…` settings as forwarding reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tracen_otel.endpoint import checked_endpoint, checked_key, is_loopback
from viewer.accounts.addresses import known_address
from viewer.settings import Settings
from viewer.store.base import NS_PER_S, Limit
from viewer.store.deliveries import Waits

_DEFAULT_PORTS = {"http": 80, "https": 443}


class WrongTerms(ValueError):
    """Settings that can not be; the message names them."""


class Loop(OSError):
    """The endpoint is the very server that would deliver to it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`per_hour` 0: as many as the endpoint tells. `accounts`: addresses; none: all."""

    url: str
    key: str = field(repr=False)
    is_llm_only: bool = False
    is_newest_first: bool = False
    quiet_ns: int = 2 * NS_PER_S
    rootless_ns: int = 60 * NS_PER_S
    longest_ns: int = 300 * NS_PER_S
    per_hour: int = 0
    has_past: bool = False
    accounts: frozenset[str] = frozenset()
    redacts: bool = True

    @property
    def waits(self) -> Waits:
        return Waits(self.quiet_ns, self.longest_ns)

    @property
    def scope(self) -> str:
        """The accounts, as one word: whoever chooses others chooses another past."""
        return ",".join(sorted(self.accounts))

    @property
    def limit(self) -> Limit | None:
        """The operator's own."""
        return Limit(self.per_hour, 3600) if self.per_hour else None

    @property
    def travels_in_clear(self) -> bool:
        """Whether key and traces go over a network as everybody on it can read them."""
        return urlsplit(self.url).scheme == "http" and not is_loopback(self.url)


def terms_of(settings: Settings) -> Terms | None:
    """What the settings say; None where nothing is delivered. Raises WrongTerms."""
    if not settings.forward_to and not settings.forward_key:
        return None
    if not settings.forward_to:
        raise WrongTerms("--forward-key without --forward-to: deliver where?")
    if not settings.forward_key:
        raise WrongTerms(
            "--forward-to without --forward-key: give the API key of the account there, best as TRACEN_FORWARD_KEY"
        )
    try:
        url, key = checked_endpoint(settings.forward_to), checked_key(settings.forward_key)
    except ValueError as error:
        raise WrongTerms(f"--forward-to and --forward-key: {error}") from None
    accounts = (known_address(text) for text in settings.forward_accounts.split(",") if text.strip())
    return Terms(
        url,
        key,
        settings.forward_only == "llm",
        settings.forward_order == "newest",
        settings.forward_quiet * NS_PER_S,
        settings.forward_rootless * NS_PER_S,
        settings.forward_longest * NS_PER_S,
        settings.forward_per_hour,
        settings.forward_past,
        frozenset(accounts),
        settings.redact,
    )


def check_no_loop(terms: Terms, *ours: str) -> None:
    """Raise Loop where the endpoint is one of our own addresses, as far as their names tell."""
    if _place(terms.url) in {_place(own) for own in ours}:
        raise Loop(
            f"--forward-to {terms.url} is this very server: every trace would be delivered to where it came from"
        )


def _place(url: str) -> tuple[str, int]:
    """Host and port; every name of this machine's loopback is the same one."""
    parts = urlsplit(url)
    host = "127.0.0.1" if is_loopback(url) else (parts.hostname or "").rstrip(".")
    return host, parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
