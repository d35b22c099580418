# SPDX-License-Identifier: MIT
"""Who may use a listener: exact host, exact origin, and a secret that only the opened page has.

    app = Guard(app, Access.for_page({"127.0.0.1:8765", "localhost:8765"}))

A page of any web site can send requests to this computer, and make the browser believe that this computer is
its own site (DNS rebinding). So a request must name this host exactly; whatever changes something, and the
stream of events, must come from this origin; and everything needs a cookie, which the browser gets once for
the token in the address that the terminal shows. Cookies of the same site do not go with requests of others.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote

from galago.errors import GalagoError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 1 << 20
"""Bytes of a request without a file."""
_CSP = (
    "default-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


@dataclass
class Access:
    """What a listener asks of a request. Secrets are new with each start."""

    hosts: set[str]
    """Host names with port, as browsers send them."""
    scheme: str = "http"
    cookie: str = "galago"
    entry: str = "/"
    """The path that takes the token."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    expired: Callable[[], bool] = lambda: False
    """Whether token and cookie no longer count."""

    def renew(self) -> None:
        """Replaces the secrets; who has the old ones stays outside."""
        self.token, self.session = secrets.token_urlsafe(24), secrets.token_urlsafe(24)

    def allows_origin(self, headers: dict[str, str], needed: bool) -> bool:
        """Whether a request comes from a page of this listener; `needed` if it must say so."""
        if (origin := headers.get("origin")) is not None:
            return origin in {f"{self.scheme}://{host}" for host in self.hosts}
        site = headers.get("sec-fetch-site")
        return site == "same-origin" if needed else site in (None, "same-origin", "none")

    def knows(self, headers: dict[str, str]) -> bool:
        """Whether a request has the cookie."""
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        value = cookies[self.cookie].value if self.cookie in cookies else ""
        return not self.expired() and hmac.compare_digest(value.encode(), self.session.encode())

    def takes(self, query: bytes) -> bool:
        """Whether a query has the token."""
        given = parse_qs(query.decode("latin-1")).get("token", [""])[0]
        return not self.expired() and hmac.compare_digest(given.encode(), self.token.encode())


class Guard:
    """ASGI middleware that lets through what `Access` allows, and adds headers to every answer."""

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request. WebSockets, which nothing here uses, are refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        access, path = self._access, scope["path"]
        sender = _with_headers(send)
        if headers.get("host") not in access.hosts:
            hosts = " or ".join(sorted(access.hosts))
            await refuse(sender, 400, "studio.host", f"this is {hosts}: open the address in the terminal")
        elif not _is_plain(scope):
            await refuse(sender, 404, "studio.missing", "no such page: reload the page")
        elif not access.allows_origin(headers, scope["method"] not in ("GET", "HEAD")) or (
            path == "/api/events" and headers.get("sec-fetch-site", "same-origin") != "same-origin"
        ):
            await refuse(
                sender,
                403,
                "studio.origin",
                "the request comes from another site: open the studio's own page",
            )
        elif path == access.entry and access.takes(scope["query_string"]):
            await self._welcome(sender)
        elif not access.knows(headers):
            message = "this address needs the key that the terminal shows: open the whole address from there"
            await (refuse_page if path == access.entry else refuse)(sender, 401, "studio.token", message)
        else:
            await self._app(scope, receive, sender)

    async def _welcome(self, send: Send) -> None:
        """Gives the cookie, and leads to the address without the token."""
        secure = "; Secure" if self._access.scheme == "https" else ""
        value = f"{self._access.cookie}={self._access.session}; Path=/; HttpOnly; SameSite=Strict{secure}"
        headers = [(b"location", self._access.entry.encode()), (b"set-cookie", value.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _is_plain(scope: Scope) -> bool:
    """Whether a path has no dots, backslashes or zero bytes that some layer might take for a way up."""
    raw = scope.get("raw_path", b"").decode("latin-1")
    path = unquote(unquote(raw))
    return not any(part in ("..", ".") for part in path.split("/")) and not set(path) & {"\\", "\0"}


def _with_headers(send: Send) -> Send:
    async def sender(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = [(n.encode(), v.encode()) for n, v in _HEADERS.items() if n.encode() not in present]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sender


async def refuse(send: Send, status: int, code: str, message: str) -> None:
    """Answers with an error as JSON."""
    from starlette.responses import JSONResponse

    await _respond(send, JSONResponse({"error": {"code": code, "message": message}}, status))


async def refuse_page(send: Send, status: int, code: str, message: str) -> None:
    """Answers with an error as a page for people."""
    from starlette.responses import HTMLResponse

    text = (
        f"<!doctype html><meta charset=utf-8><title>Galago studio</title><h1>{code}</h1><p>{escape(message)}"
    )
    await _respond(send, HTMLResponse(text, status))


async def _respond(send: Send, response: Any) -> None:
    await send(
        {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
    )
    await send({"type": "http.response.body", "body": response.body})


_STATUS = {
    "studio.missing": 404,
    "studio.busy": 409,
    "studio.undo": 409,
    "studio.limit": 413,
    "disk.full": 507,
}


def status_of(error: GalagoError) -> int:
    """Returns the HTTP status of an error."""
    return _STATUS.get(error.code, 400)
