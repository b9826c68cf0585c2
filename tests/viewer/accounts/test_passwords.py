"""Which passwords are taken, and how they are compared."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters

from viewer.accounts.passwords import (
    AT_ONCE,
    MAX_BYTES,
    MAX_WAITING,
    Passwords,
    WrongPassword,
    check_length,
    check_new,
)
from viewer.store.base import StoreUnavailable

pytestmark = pytest.mark.anyio

EMAIL = "ada.lovelace@team.example"
QUICK = PasswordHasher(1, 8, 1)
"""Cheap parameters, where it is not about their cost."""


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "        ",  # spaces are characters like others
        "nul\x00inside",
        "🔑🔑🔑🔑🔑🔑🔑🔑",
        "пароль-из-слов",
        "a" * 8 + "\r\n\t",
        "x" * MAX_BYTES,
    ],
)
async def test_any_character_makes_a_password(password: str) -> None:
    """No rule of composition, and nothing is cut off."""
    passwords = Passwords(QUICK)
    check_new(password, EMAIL)
    kept = await passwords.hash(password)
    assert await passwords.matches(password, kept)
    assert not await passwords.matches(password[:-1], kept)
    assert not await passwords.matches(password + "x", kept)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "8 characters"),
        ("sevenxx", "8 characters"),
        ("🔑🔑🔑🔑🔑🔑🔑", "8 characters"),  # 28 bytes, 7 characters
        ("Password1", "tried first"),
        ("iloveyou", "tried first"),
        (EMAIL, "your email address"),
        (EMAIL.upper(), "your email address"),
        ("ada.lovelace", "your email address"),
        ("x" * (MAX_BYTES + 1), "1,025 bytes"),
        ("é" * 10_000, "20,000 bytes"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, reason: str) -> None:
    """The message says why, and never the password."""
    with pytest.raises(WrongPassword, match=reason) as refused:
        check_new(password, EMAIL)
    assert not password or password not in str(refused.value)


def test_length_alone_is_checked_where_somebody_logs_in() -> None:
    """An old password may be one that nobody could choose today."""
    check_length("short")
    with pytest.raises(WrongPassword):
        check_length("x" * (MAX_BYTES + 1))


async def test_password_is_the_same_from_any_keyboard() -> None:
    """Composed and decomposed letters are one text; other letters that only look alike are not."""
    passwords = Passwords(QUICK)
    kept = await passwords.hash("Ångström-cafés")
    assert await passwords.matches(unicodedata.normalize("NFD", "Ångström-cafés"), kept)
    assert not await passwords.matches("Angstrom-cafes", kept)
    assert not await passwords.matches("Ångström-cafés".replace("a", "а"), kept)


async def test_hash_has_the_parameters_that_are_asked_for() -> None:
    """argon2id, 19 MiB, 2 passes, 1 lane, and another salt each time."""
    passwords = Passwords()
    one, other = await passwords.hash("the same text"), await passwords.hash("the same text")
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert not passwords.is_outdated(one)
    assert passwords.is_outdated(QUICK.hash("x"))


async def test_nobodys_hash_costs_what_others_cost() -> None:
    """It has their parameters and lengths, and no password opens it."""
    passwords = Passwords()
    nobodys = passwords._nobodys
    assert extract_parameters(nobodys) == extract_parameters(await passwords.hash("x"))
    assert not await passwords.matches("", None)
    assert Passwords()._nobodys != nobodys


@pytest.mark.parametrize("kept", ["", "x", "$argon2id$v=19$", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_what_is_no_hash_matches_nothing(kept: str) -> None:
    """A damaged row is a wrong password, not an error."""
    assert not await Passwords(QUICK).matches("x", kept)


async def test_more_than_can_wait_are_asked_to_come_back() -> None:
    """Memory stays what two hashes take; who waited is served, and so is who comes later."""
    passwords = Passwords(PasswordHasher(1, 1024, 1))
    most = AT_ONCE + MAX_WAITING
    outcomes = await asyncio.gather(
        *(passwords.matches("x", None) for _ in range(most + 10)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
    assert len(refused) == 10
    assert all(error.retry_after_s >= 1 for error in refused)
    assert outcomes.count(False) == most
    assert not await passwords.matches("x", None)
