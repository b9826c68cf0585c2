"""`/app/settings`: the keys of an account, a form that makes one, and what became of the last requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from viewer import pages
from viewer.accounts.fields import MAX_BYTES, MAX_FIELDS, posted_pairs
from viewer.accounts.frame import NO_STORE, SESSION_OVER, frame_for
from viewer.accounts.key_contexts import KeyCard, KeyForm, KeysPage, ShownKey
from viewer.accounts.key_list import MAX_LABEL, card_of, lines_of, name_of, pastes_of
from viewer.accounts.keyring import AccountGone, Keyring, TooManyKeys, refusal_of
from viewer.accounts.receipt import Receipts
from viewer.accounts.secret_cookie import SecretCookie
from viewer.keys import sha256_of
from viewer.legible import spelled
from viewer.limits import Limiter
from viewer.policy import session_of, with_session
from viewer.reference.snippets import COLLECTOR, CURL, EXPORTER, OTLP
from viewer.requests import REMEMBERED, Requests
from viewer.store.base import NS_PER_S, Limit, Quota
from viewer.store.people import ALL_SCOPES, Account, Accounts, Key, Scope

SETTINGS = "/app/settings"
_SHOWN_S = 60
_MAX_ECHOED = 1_000
_SNIPPETS = (CURL, EXPORTER, OTLP, COLLECTOR)
_NOTICES = {"revoked": "The key is revoked: within a second it is refused everywhere."}
EMPTY_FORM = KeyForm("", writes=True, reads=True, wrong_label="", wrong_scopes="", refusal="")


class KeysPages:
    """The page of the keys, and what its forms do."""

    def __init__(
        self,
        accounts: Accounts,
        keyring: Keyring,
        limiter: Limiter,
        requests: Requests,
        base_url: str,
        clock_ns: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._keyring = keyring
        self._limiter = limiter
        self._requests = requests
        self._base_url = base_url
        self._clock_ns = clock_ns
        self._receipts = Receipts(base_url)
        self._cookie = SecretCookie("tracen_new_key", SETTINGS, _SHOWN_S, base_url)
        self.routes = [
            with_session(SETTINGS, self.page),
            with_session("/app/keys", self.add, ["POST"]),
            with_session("/app/keys/{key_id}/revoke", self.revoke, ["POST"]),
            with_session("/app/keys/{key_id}/rotate", self.rotate, ["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The keys; the secret of a new one is told now, and never again."""
        secret = self._cookie.secret_of(request) if request.method == "GET" else None
        word = request.query_params.get("done", "") if self._receipts.is_for(request) else ""
        notice = _NOTICES.get(word, "")
        response = await self._told(request, EMPTY_FORM, secret=secret, notice=notice)
        if request.method == "GET" and self._cookie.name in request.cookies:
            self._cookie.take_back(response)
        return self._receipts.take_back(request, response)

    async def add(self, request: Request) -> Response:
        """Make a key, or say why not."""
        form = _read(await posted_pairs(request, MAX_BYTES, MAX_FIELDS))
        if form.wrong_label or form.wrong_scopes:
            return await self._told(request, form, 422)
        scopes = frozenset(
            scope for scope, is_wanted in ((Scope.WRITE, form.writes), (Scope.READ, form.reads)) if is_wanted
        )
        try:
            secret = await self._keyring.add(session_of(request).account.id, form.label, scopes)
        except TooManyKeys:  # which the page says by itself
            return await self._told(request, form, 409)
        except AccountGone:
            raise HTTPException(401, headers=SESSION_OVER) from None
        return self._showing(secret)

    async def rotate(self, request: Request) -> Response:
        """Make a key in the place of another, which works for a day more."""
        try:
            secret = await self._keyring.rotate(session_of(request).account.id, request.path_params["key_id"])
        except TooManyKeys:
            return await self._told(request, EMPTY_FORM, 409)
        if secret is None:
            raise HTTPException(404, headers=NO_STORE)
        return self._showing(secret)

    async def revoke(self, request: Request) -> Response:
        """Refuse a key from now on."""
        if not await self._keyring.revoke(session_of(request).account.id, request.path_params["key_id"]):
            raise HTTPException(404, headers=NO_STORE)
        return self._receipts.led_to(f"{SETTINGS}?done=revoked")

    def _showing(self, secret: str) -> Response:
        response = RedirectResponse(f"{SETTINGS}#new-key", 303, NO_STORE)
        self._cookie.give(response, secret)
        return response

    async def _told(
        self,
        request: Request,
        form: KeyForm,
        status: int = 200,
        *,
        secret: str | None = None,
        notice: str = "",
    ) -> Response:
        session, now_ns = session_of(request), self._clock_ns()
        account = session.account
        keys = await self._accounts.keys_of(account.id)
        page = KeysPage(
            title="Keys · Tracen",
            frame=frame_for(request, SETTINGS),
            notice=notice,
            shown=await self._shown(account, secret) if secret else None,
            form=replace(form, refusal=refusal_of(keys, now_ns)),
            max_label=MAX_LABEL,
            keys=await self._cards(account, keys, now_ns),
            requests=tuple(lines_of(self._requests.of_account(account.id, REMEMBERED), keys, now_ns)),
        )
        return HTMLResponse(pages.render(page), status, NO_STORE)

    async def _shown(self, account: Account, secret: str) -> ShownKey | None:
        """The key of a secret that the browser brings, if it is a good one of this account."""
        now_ns = self._clock_ns()
        key = await self._accounts.key(sha256_of(secret))
        if key is None or key.account_id != account.id or not key.is_valid_at(now_ns):
            return None
        return ShownKey(name_of(key), secret, pastes_of(_SNIPPETS, self._base_url, secret, now_ns))

    async def _cards(self, account: Account, keys: Sequence[Key], now_ns: int) -> tuple[KeyCard, ...]:
        """Newest first, those that are over last. The store is asked only for keys that were used."""
        window_ns = Limit().window_s * NS_PER_S
        used = await self._accounts.key_hits(account.id, self._limiter.clock_ns() - window_ns)
        cards = []
        for key in keys:
            limit = self._limiter.limit_of(key)
            quota = await self._limiter.quota_of(key) if key.id in used else Quota(limit, limit.count, 0)
            cards.append(card_of(key, quota, now_ns))
        return tuple(sorted(cards, key=lambda card: card.is_expired))


def _read(pairs: Sequence[tuple[str, str]]) -> KeyForm:
    """The form as it was filled in, with what is wrong about it."""
    label = " ".join(dict(pairs).get("label", "").split())
    wanted = [value for name, value in pairs if name == "scope"]
    form = replace(
        EMPTY_FORM, label=spelled(label[:_MAX_ECHOED]), writes="write" in wanted, reads="read" in wanted
    )
    if not label:
        form = replace(form, wrong_label="Give it a name, so that you know it again: “laptop”, “CI”.")
    if len(label) > MAX_LABEL:
        wrong = f"The name has {len(label):,} characters; {MAX_LABEL} at most are kept."
        form = replace(form, wrong_label=wrong)
    if not set(wanted) & ALL_SCOPES or not set(wanted) <= ALL_SCOPES:
        form = replace(form, wrong_scopes="Choose write, read, or both: without either it opens nothing.")
    return form
