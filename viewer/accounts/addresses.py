"""Email addresses as accounts have them: one form for each, so that two people can not have the same.

Nothing is ever sent to them. They need not exist, only be what a person would recognise.
"""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

LOCAL = "local@tracen"
"""The account of whoever runs the server: made by it, and nobody can sign up for it."""
MAX_LENGTH = 254
_INSIDE = ".example"
"""A domain below which any other is an ordinary one."""


class WrongAddress(ValueError):
    """No address that an account can have; the message says why."""


def address_of(text: str) -> str:
    """The form of an address that accounts are known by: lower case, domain in ASCII. Raises WrongAddress.

    Letters that look like others (Cyrillic а, full-width ａ) are refused before the @; names like
    `ada+tracen@x.example` are addresses of their own.
    """
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise WrongAddress(f"An email address has at most {MAX_LENGTH} characters.")
    local, _, domain = text.rpartition("@")
    if not local:
        raise WrongAddress("Enter an email address such as ada@team.example.")
    if not local.isascii():
        raise WrongAddress("Before the @, use only letters and digits without accents (a to z).")
    _check_domain(domain)
    try:
        # The library refuses names that are never on the internet (.test, localhost, .local), which self-hosters use.
        found = validate_email(text + _INSIDE, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise WrongAddress(_told(str(error))) from None
    return f"{found.local_part}@{found.ascii_domain.removesuffix(_INSIDE)}".casefold()


def _check_domain(domain: str) -> None:
    folded = unicodedata.normalize("NFKC", domain).casefold()
    if "." not in folded.strip(".") and folded != "localhost":
        raise WrongAddress("After the @, a domain such as team.example is expected.")
    if folded.rpartition(".")[2].isdigit():
        raise WrongAddress("After the @, a name is expected, not an IP address.")


def _told(reason: str) -> str:
    return f"This is no email address: {reason[0].lower()}{reason[1:]}"


def known_address(text: str) -> str:
    """The form in which an address that was typed would be found, whatever was typed."""
    try:
        return address_of(text)
    except WrongAddress:
        return unicodedata.normalize("NFKC", text[:MAX_LENGTH]).strip().casefold()[:MAX_LENGTH]
