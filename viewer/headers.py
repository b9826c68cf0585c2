"""The response headers that every answer carries, set in one place: pages show hostile text."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
SECURITY_HEADERS = {
    "content-security-policy": _CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the URL of a page is what gives access to it
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow, noarchive",
}
_EMBEDDED = SECURITY_HEADERS | {
    "content-security-policy": _CONTENT_SECURITY_POLICY.replace(
        "frame-ancestors 'none'", "frame-ancestors *"
    ),
    "cross-origin-resource-policy": "cross-origin",
}
del _EMBEDDED["x-frame-options"]


_ROBOTS = b"x-robots-tag"
MAY_BE_INDEXED = {"x-robots-tag": "all"}
"""What a response says that is to be sent without that header: search engines may list it."""


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_RAW, _RAW_EMBEDDED = _raw(SECURITY_HEADERS), _raw(_EMBEDDED)
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


def with_form_targets(*origins: str) -> dict[str, str]:
    """The policy of a page whose forms lead to other origins: `form-action` holds for redirects too."""
    targets = " ".join(("form-action 'self'", *origins))
    return {"content-security-policy": _CONTENT_SECURITY_POLICY.replace("form-action 'self'", targets)}


class SecurityHeaders:
    """ASGI middleware: adds what a response does not set by itself."""

    def __init__(self, app: ASGIApp, *, is_secure: bool = False) -> None:
        """`is_secure`: the server is reached over TLS, and from now on browsers are to ask for nothing else."""
        self._app = app
        more = [_STRICT_TRANSPORT] if is_secure else []
        self._everywhere, self._embedded = [*_RAW, *more], [*_RAW_EMBEDDED, *more]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        ours = (
            self._embedded if scope["path"].startswith("/embed/") else self._everywhere
        )  # others may frame it

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = message["headers"]
                present = {name for name, _ in told}
                if _ROBOTS in present:
                    told = [(name, value) for name, value in told if name != _ROBOTS]
                message["headers"] = [*told, *((n, v) for n, v in ours if n not in present)]
            await send(message)

        await self._app(scope, receive, send_with_headers)
