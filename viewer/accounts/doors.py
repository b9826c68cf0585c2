"""`/signup`, `/login`, `/login/link` and `/logout`: what people meet before they are in, and when they leave."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from viewer.accounts.addresses import WrongAddress, address_of, known_address
from viewer.accounts.admission import Admission, Admitted, NotAdmitted
from viewer.accounts.answers import HOME, led_to, message_answer, page_answer, waited
from viewer.accounts.browsers import Browsers
from viewer.accounts.contexts import LinkPage, LogInPage, SignUpPage
from viewer.accounts.fields import local_path, posted_fields
from viewer.accounts.first_key import START, give_decoy_key, give_first_key
from viewer.accounts.passwords import Passwords, WrongPassword, check_length
from viewer.accounts.sessions import Sessions
from viewer.accounts.throttle import Throttled
from viewer.accounts.tickets import LOGIN_NS, ticket_id
from viewer.legible import one_line
from viewer.policy import public
from viewer.settings import Settings
from viewer.store.base import NS_PER_S
from viewer.store.people import Account, Accounts, Ticket, TicketKind

_LOG_IN, _SIGN_UP = "Log in", "Create an account"
_MAX_SHOWN = 254

_NOT_ADMITTED = "Email address and password do not belong together."
_MAY_EXIST = (
    "If you have just signed up: there may be an account with this address already. Log in with its password."
)
_BY_INVITATION = "Accounts of this server are made by invitation. Whoever runs it can send you one."
_CLOSED = "This server makes no new accounts. Whoever runs it can make one for you."
_WORN_INVITATION = (
    "This invitation has been used, or is too old. Whoever runs this server can send you another one."
)


class Doors:
    """The routes by which people come and go."""

    def __init__(
        self,
        accounts: Accounts,
        settings: Settings,
        sessions: Sessions,
        admission: Admission,
        passwords: Passwords,
        browsers: Browsers,
        clock_ns: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._settings = settings
        self._sessions = sessions
        self._admission = admission
        self._passwords = passwords
        self._clock_ns = clock_ns
        self._browsers = browsers
        self.routes = [
            public("/signup", self.sign_up, ["GET", "POST"]),
            public("/login", self.log_in, ["GET", "POST"]),
            public("/login/link", self.link, ["GET", "POST"]),
            public("/logout", self.log_out, ["POST"]),
        ]

    # -- sign-up ---------------------------------------------------------------------------------------

    async def sign_up(self, request: Request) -> Response:
        """Make an account. Whether there was one of that address is told to nobody but its owner."""
        if request.method != "POST":  # HEAD is no post either
            if await self._sessions.of(request):
                return led_to(HOME)
            return await self._sign_up_page(request.query_params.get("invitation", ""))
        fields = await posted_fields(request)
        token, is_open = fields.get("invitation", ""), self._settings.sign_up_mode == "open"
        invitation = None if is_open else await self._invitation(token)
        if not is_open and invitation is None:
            return await self._sign_up_page(token)
        typed, password = fields.get("email", ""), fields.get("password", "")
        email, email_wrong = _new_address(typed, invitation)
        password_wrong = await self._wrong_with(password, email)
        if email_wrong or password_wrong:
            page = SignUpPage(_SIGN_UP, True, "", _shown(typed), email_wrong, password_wrong, token)
            return page_answer(page, 422)
        attempt = self._browsers.attempt(request, email, password)
        try:
            admitted = await self._admission.sign_up(attempt, invitation.sha256 if invitation else None)
        except Throttled as error:
            wrong = waited(error.retry_after_s)
            page = SignUpPage(_SIGN_UP, True, "", _shown(typed), invitation=token, wrong=wrong)
            return page_answer(page, 429, {"retry-after": str(error.retry_after_s)})
        return await self._signed_up(request, admitted)

    async def _signed_up(self, request: Request, admitted: Admitted | None) -> Response:
        """The same answer for who has an account now and for who has not, because another one is there."""
        answer, base_url = led_to(START), self._settings.base_url
        if admitted is None:
            self._sessions.set_decoy(answer)
            self._browsers.set_decoy(answer)
            give_decoy_key(answer, base_url=base_url)
        else:
            await self._admit(request, answer, admitted)
            await give_first_key(
                self._accounts, admitted.account, answer, base_url=base_url, now_ns=self._clock_ns()
            )
        return answer

    async def _sign_up_page(self, token: str) -> Response:
        mode = self._settings.sign_up_mode
        invitation = await self._invitation(token)
        if invitation is not None:
            return page_answer(SignUpPage(_SIGN_UP, True, "", _shown(invitation.subject), invitation=token))
        if token and mode == "invitation":
            return page_answer(SignUpPage("This invitation is over", False, _WORN_INVITATION), 410)
        if mode == "open":
            return page_answer(SignUpPage(_SIGN_UP, True, ""))
        detail = _BY_INVITATION if mode == "invitation" else _CLOSED
        return page_answer(SignUpPage("No sign-up here", False, detail), 403)

    async def _invitation(self, token: str) -> Ticket | None:
        if not token or self._settings.sign_up_mode == "closed":
            return None
        ticket = await self._accounts.ticket(ticket_id(token), self._clock_ns())
        return ticket if ticket and ticket.kind is TicketKind.INVITATION else None

    # -- log-in ----------------------------------------------------------------------------------------

    async def log_in(self, request: Request) -> Response:
        """Open an account to whoever knows its password."""
        if request.method != "POST":  # HEAD is no post either
            wanted = local_path(request.query_params.get("next", ""), "")
            if await self._sessions.of(request):
                return led_to(wanted or HOME)
            return self._log_in_page(200, next=wanted, notice=_MAY_EXIST if wanted == START else "")
        fields = await posted_fields(request)
        typed, password = fields.get("email", ""), fields.get("password", "")
        wanted = local_path(fields.get("next", ""), "")
        try:
            check_length(password)
            attempt = self._browsers.attempt(request, known_address(typed), password)
            admitted = await self._admission.log_in(attempt)
        except WrongPassword as error:
            return self._log_in_page(422, email=typed, next=wanted, wrong=str(error))
        except NotAdmitted:
            return self._log_in_page(401, email=typed, next=wanted, wrong=_NOT_ADMITTED)
        except Throttled as error:
            wrong = waited(error.retry_after_s)
            return self._log_in_page(429, error.retry_after_s, email=typed, next=wanted, wrong=wrong)
        answer = led_to(wanted or HOME)
        await self._admit(request, answer, admitted)
        return answer

    def _log_in_page(
        self, status: int, retry_after_s: int = 0, *, email: str = "", next: str = "", **told: str
    ) -> Response:
        can_sign_up = self._settings.sign_up_mode == "open"
        page = LogInPage(_LOG_IN, _shown(email), next, can_sign_up=can_sign_up, **told)
        answer = page_answer(page, status)
        if status == 401:
            answer.headers["www-authenticate"] = "Session"
        if retry_after_s:
            answer.headers["retry-after"] = str(retry_after_s)
        return answer

    # -- a link that logs in ---------------------------------------------------------------------------

    async def link(self, request: Request) -> Response:
        """Log in by a link from whoever runs the server, which may set a new password too: it is for who forgot it."""
        fields = await posted_fields(request) if request.method == "POST" else request.query_params
        token = fields.get("ticket", "")
        account = await self._account_of(token)
        if account is None:
            return _link_over()
        if request.method == "POST":
            return await self._linked(request, account, token, fields.get("password", ""))
        return page_answer(_link_page(account, token))

    async def _linked(self, request: Request, account: Account, token: str, password: str) -> Response:
        new_hash = None
        if password:
            if wrong := await self._wrong_with(password, account.email):
                return page_answer(_link_page(account, token, wrong), 422)
            new_hash = await self._passwords.hash(password)
        if await self._accounts.take_ticket(ticket_id(token), TicketKind.LOGIN, self._clock_ns()) is None:
            return _link_over()  # somebody else was quicker
        if new_hash:
            await self._accounts.set_password(account.id, new_hash, keep=None)
        answer = led_to(HOME)
        await self._admit(request, answer, await self._admission.known(account))
        return answer

    async def _account_of(self, token: str) -> Account | None:
        ticket = await self._accounts.ticket(ticket_id(token), self._clock_ns())
        if ticket is None or ticket.kind is not TicketKind.LOGIN:
            return None
        return await self._accounts.by_id(ticket.subject)

    # -- in and out ------------------------------------------------------------------------------------

    async def log_out(self, request: Request) -> Response:
        """End the session, if there is one."""
        answer = led_to("/login")
        session = await self._sessions.of(request)
        if session is not None:
            await self._sessions.end(session, answer)
        else:
            self._sessions.forget(answer)
        self._browsers.clear(answer)
        return answer

    async def _wrong_with(self, password: str, email: str) -> str:
        """Why nobody may choose a password; "" where one may."""
        try:
            await self._passwords.check_new(password, email)
        except WrongPassword as error:
            return str(error)
        return ""

    async def _admit(self, request: Request, answer: Response, admitted: Admitted) -> None:
        """Begin a session, and end the one that this browser had."""
        session = await self._sessions.of(request)
        await self._sessions.open(admitted.account, answer)
        if session is not None:
            await self._accounts.end_session(session.id)
        self._browsers.know(answer, admitted)


def _new_address(typed: str, invitation: Ticket | None) -> tuple[str, str]:
    """The address to sign up, and what is wrong with it."""
    try:
        email = address_of(typed)
    except WrongAddress as error:
        return "", str(error)
    if invitation and invitation.subject not in ("", email):
        return email, f"This invitation is for {_shown(invitation.subject)}."
    return email, ""


def _link_page(account: Account, token: str, password_wrong: str = "") -> LinkPage:
    return LinkPage("Log in", _shown(account.email), token, account.has_password, password_wrong)


def _link_over() -> Response:
    return message_answer(
        410,
        "This link is over",
        f"It logs in once, within {LOGIN_NS // NS_PER_S // 60} minutes. "
        "Whoever runs this server can send you another one.",
    )


def _shown(typed: str) -> str:
    """What was typed, to be shown in its field again."""
    return one_line(typed, _MAX_SHOWN)
