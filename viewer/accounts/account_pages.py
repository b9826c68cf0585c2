"""`/app/account`: what an account is, what can be changed of it, everything that is in it, and its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from viewer import wording
from viewer.accounts.addresses import known_address
from viewer.accounts.admission import Admission, NotAdmitted
from viewer.accounts.answers import led_to, message_answer, page_answer, waited
from viewer.accounts.browsers import Browsers
from viewer.accounts.contexts import AccountPage, ClosePage
from viewer.accounts.export import Exports
from viewer.accounts.fields import posted_fields
from viewer.accounts.frame import frame_for
from viewer.accounts.passwords import Passwords, WrongPassword, check_length
from viewer.accounts.receipt import Receipts
from viewer.accounts.sessions import Sessions
from viewer.accounts.throttle import Throttled
from viewer.policy import public, session_of, with_session
from viewer.store.base import Store
from viewer.store.people import Session
from viewer.subscriptions.stripe_api import StripeFailed

PATH = "/app/account"
GOODBYE = "/goodbye"
_TOLD = {
    "password": "The password is changed, and every other browser is logged out.",
    "sessions": "Every other browser is logged out.",
    "otlp": "Saved. It holds for traces that begin from now on.",
}
"""By what was done, which a redirect names: its address can say nothing else."""
_WRONG_PASSWORD = "This is not the password of this account."  # noqa: S105 - a message
_STILL_CHARGED = (
    "Your subscription could not be ended: Stripe did not answer. Try again in a few minutes, so that you are not "
    "charged for an account that is gone."
)
_WRONG_ADDRESS = "This is not the address of this account."


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why somebody is not taken for the owner, though they have a session."""

    wrong: str
    status: int = 422
    headers: Mapping[str, str] = field(default_factory=dict)


class AccountPages:
    """The routes of the account page, and of what it does."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        admission: Admission,
        passwords: Passwords,
        browsers: Browsers,
        exports: Exports,
        receipts: Receipts,
        clock_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._admission = admission
        self._passwords = passwords
        self._browsers = browsers
        self._receipts = receipts
        self._clock_ns = clock_ns
        self.routes = [
            with_session(PATH, self.account, ["GET"]),
            with_session(f"{PATH}/password", self.set_password, ["POST"]),
            with_session(f"{PATH}/sessions", self.end_sessions, ["POST"]),
            with_session(f"{PATH}/otlp", self.set_otlp, ["POST"]),
            with_session(f"{PATH}/close", self.close, ["GET"]),
            with_session(f"{PATH}/delete", self.delete, ["POST"]),
            with_session("/app/export", exports.answer, ["GET"]),
            public(GOODBYE, self.goodbye, ["GET"]),
        ]

    async def account(self, request: Request) -> Response:
        """The page."""
        word = request.query_params.get("told", "") if self._receipts.is_for(request) else ""
        answer = page_answer(_account_page(request, told=_TOLD.get(word, "")))
        return self._receipts.take_back(request, answer)

    async def set_password(self, request: Request) -> Response:
        """Change the password, or set the first one; other browsers are logged out."""
        session, fields = session_of(request), await posted_fields(request)
        password = fields.get("password", "")
        if session.account.has_password:
            refusal = await self._not_with(request, session, fields.get("current", ""))
            if refusal:
                page = _account_page(request, current_wrong=refusal.wrong)
                return page_answer(page, refusal.status, refusal.headers)
        try:
            await self._passwords.check_new(password, session.account.email)
        except WrongPassword as error:
            return page_answer(_account_page(request, password_wrong=str(error)), 422)
        new_hash = await self._passwords.hash(password)
        await self._store.accounts.set_password(session.account.id, new_hash, session.id)
        answer = self._receipts.led_to(f"{PATH}?told=password")
        self._browsers.know(answer, await self._admission.known(session.account))
        return answer

    async def end_sessions(self, request: Request) -> Response:
        """Log out everywhere else."""
        session = session_of(request)
        await self._store.accounts.end_other_sessions(session.account.id, session.id)
        return self._receipts.led_to(f"{PATH}?told=sessions")

    async def set_otlp(self, request: Request) -> Response:
        """Choose how traces begin that come over OTLP."""
        fields = await posted_fields(request)
        is_private = fields.get("otlp") == "private"
        await self._store.accounts.set_otlp_private(session_of(request).account.id, is_private)
        return self._receipts.led_to(f"{PATH}?told=otlp")

    async def close(self, request: Request) -> Response:
        """What will go, and a form that asks for the proof that the owner wants that."""
        return page_answer(await self._close_page(request))

    async def delete(self, request: Request) -> Response:
        """Delete the account, for whoever proves to be its owner."""
        session, fields = session_of(request), await posted_fields(request)
        if session.account.has_password:
            refusal = await self._not_with(request, session, fields.get("password", ""))
        else:
            is_typed = known_address(fields.get("email", "")) == session.account.email
            refusal = None if is_typed else _Refusal(_WRONG_ADDRESS)
        if refusal:
            page = await self._close_page(request, refusal.wrong)
            return page_answer(page, refusal.status, refusal.headers)
        try:
            await request.app.state.subscriptions.end(session.account)
        except StripeFailed:
            return message_answer(503, "Nothing was deleted", _STILL_CHARGED)
        await self._store.accounts.close_account(session.account.id, self._clock_ns())
        answer = led_to(GOODBYE)
        self._sessions.forget(answer)
        self._browsers.clear(answer)
        self._browsers.forget(answer)
        return answer

    async def goodbye(self, request: Request) -> Response:
        """Where an account ends."""
        detail = (
            "Its pages, keys and sessions are gone already; "
            "what they were made of is overwritten within minutes."
        )
        return message_answer(200, "The account is deleted", detail)

    async def _not_with(self, request: Request, session: Session, password: str) -> _Refusal | None:
        """Why a password does not prove that the account's owner is here: a session may be somebody else's by now."""
        try:
            check_length(password)
            await self._admission.log_in(self._browsers.attempt(request, session.account.email, password))
        except (NotAdmitted, WrongPassword):
            return _Refusal(_WRONG_PASSWORD)
        except Throttled as error:
            return _Refusal(waited(error.retry_after_s), 429, {"retry-after": str(error.retry_after_s)})
        return None

    async def _close_page(self, request: Request, wrong: str = "") -> ClosePage:
        account = session_of(request).account
        keys = await self._store.accounts.keys_of(account.id)
        size = await self._store.stored_bytes(account.id)
        return ClosePage(
            "Delete the account",
            frame_for(request, PATH),
            account.email,
            account.has_password,
            wording.plural(len(keys), "key") if keys else "",
            wording.size(size) if size else "",
            wrong,
        )


def _account_page(
    request: Request, *, told: str = "", current_wrong: str = "", password_wrong: str = ""
) -> AccountPage:
    account = session_of(request).account
    return AccountPage(
        "Account",
        frame_for(request, PATH),
        account.email,
        wording.moment(account.created_ns).partition(",")[0] if account.created_ns else "",
        account.has_password,
        account.otlp_is_private,
        told,
        current_wrong,
        password_wrong,
    )
