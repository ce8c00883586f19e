"""Stands before the application: refuses requests that may not pass, and adds the headers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response

from georet.serve.access import COOKIE, Access, Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), camera=(), microphone=()",
}


class Guard:
    """ASGI middleware that holds every request against an ``Access``."""

    def __init__(self, app: Application, *, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; pass the others on, with headers on the way back."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = self._answer(scope)

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    own = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                    message["headers"] = [*message.get("headers", ()), *own]
                await send(message)

            await (answer or self._app)(scope, receive, sending)

    def _answer(self, scope: Scope) -> Response | None:
        pairs = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in scope["headers"]]
        names = [name for name, _ in pairs]
        once = ("host", "origin", "authorization", "sec-fetch-site", "content-length")
        headers = None if any(names.count(name) > 1 for name in once) else dict(pairs)
        if headers is None:
            return refused(Refusal(400, "a header that may stand once stands twice"))
        refusal = self._access.refuses(scope["method"], headers)
        if refusal is None:
            return None
        if refusal.status == 401 and (welcome := self._welcome(scope)) is not None:
            return welcome
        return refused(refusal)

    def _welcome(self, scope: Scope) -> Response | None:
        """Turn the token in the page's address into a cookie, so that it leaves the address."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [""])[0]
        if not self._access.is_token(given):
            return None
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(COOKIE, given, httponly=True, samesite="strict", path="/")
        return response


def refused(refusal: Refusal) -> Response:
    """Return a refusal as JSON."""
    body = {"error": refusal.error} | ({"hint": refusal.hint} if refusal.hint else {})
    # Escaped to ASCII: what is quoted from a request may hold half a character.
    return Response(json.dumps(body), refusal.status, dict(refusal.headers), "application/json")
