"""The key that an account begins with: made by the sign-up, shown by `/app/start` while it is being copied."""

from __future__ import annotations

from starlette.responses import Response

from viewer.accounts.secret_cookie import SecretCookie
from viewer.keys import new_key, new_secret
from viewer.store.people import Account, Accounts

START = "/app/start"
"""Where somebody goes from the sign-up."""
LABEL = "first key"
_SHOWN_S = 600


def first_key_cookie(base_url: str) -> SecretCookie:
    """What carries the secret of a first key to its page."""
    return SecretCookie("tracen_first_key", START, _SHOWN_S, base_url)


async def give_first_key(
    accounts: Accounts, account: Account, response: Response, *, base_url: str, now_ns: int
) -> None:
    """Make a key for an account, and have the answer carry its secret to `/app/start`. Raises StoreUnavailable.

    Of an account that has keys the owner has signed up again: the answer looks the same, and there is no key more.
    """
    if await accounts.keys_of(account.id):
        give_decoy_key(response, base_url=base_url)
        return
    secret = new_secret()
    try:
        await accounts.add_key(account.id, new_key(secret, LABEL), now_ns)
    except LookupError:  # deleted already: the next page leads to the log-in
        give_decoy_key(response, base_url=base_url)
        return
    first_key_cookie(base_url).give(response, secret)


def give_decoy_key(response: Response, *, base_url: str) -> None:
    """Have an answer carry a secret that opens nothing, where it must look as if an account had been made."""
    first_key_cookie(base_url).give(response, new_secret())
