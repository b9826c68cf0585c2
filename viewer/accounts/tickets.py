"""Links that admit once: to an account, or to the making of one. The store keeps the SHA-256 of what is in them."""

from __future__ import annotations

import hashlib
import secrets
from urllib.parse import urlencode

from viewer.store.base import NS_PER_S
from viewer.store.people import Account, Accounts, Ticket, TicketKind

LOGIN_NS = 15 * 60 * NS_PER_S
"""Of a link that logs in: as long as it takes to carry it to a browser."""
INVITATION_NS = 7 * 24 * 3600 * NS_PER_S
_TOKEN_BYTES = 32
_MAX_TOKEN = 100


async def login_url(accounts: Accounts, account: Account, base_url: str, now_ns: int) -> str:
    """Make a link that logs its bearer in to an account, once, within LOGIN_NS. Raises StoreUnavailable."""
    token = await _issue(accounts, TicketKind.LOGIN, account.id, now_ns + LOGIN_NS)
    return f"{base_url.rstrip('/')}/login/link?{urlencode({'ticket': token})}"


async def invitation_url(accounts: Accounts, email: str, base_url: str, now_ns: int) -> str:
    """Make a link with which an account of that address ("" for any) can be made. Raises StoreUnavailable."""
    token = await _issue(accounts, TicketKind.INVITATION, email, now_ns + INVITATION_NS)
    return f"{base_url.rstrip('/')}/signup?{urlencode({'invitation': token})}"


async def _issue(accounts: Accounts, kind: TicketKind, subject: str, expires_ns: int) -> str:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await accounts.add_ticket(Ticket(ticket_id(token), kind, subject, expires_ns))
    return token


def ticket_id(token: str) -> bytes:
    """What the store knows a ticket by; of what is none, a value that no ticket has."""
    return hashlib.sha256(token[:_MAX_TOKEN].encode()).digest()
