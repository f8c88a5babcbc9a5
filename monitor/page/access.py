"""Access to the page: by its own names alone and, where there is a token, with it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Keyhole</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>:root { color-scheme: light dark; }
body { font: 17px/1.5 system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh; }
input, button { font: inherit; padding: 6px 12px; }</style></head><body><form action="/">
<p>This page shows the truth. It opens with the token that the monitor was started with.</p>
<input type="password" name="token" aria-label="token" autofocus required>
<button>Enter</button></form></body></html>"""


class PageAccess:
    """Answers under the page's own names alone and, where there is a token, only whoever has shown it.

    A foreign name that resolves to this host would let that name's pages read this one (DNS rebinding); an IP address
    belongs to no other site. Pages of other origins may not call. ``/?token=…`` is exchanged for a cookie.

    Args:
        application: what lies behind.
        names: hosts that are the page's own, besides localhost and every IP address.
        token: opens the page; None: no token is needed.
    """

    def __init__(self, application: ASGIApp, names: Collection[str], token: str | None) -> None:
        self._application = application
        self._names = frozenset(name.lower() for name in (*names, "localhost"))
        self._token = token
        self._pass = hashlib.sha256(f"keyhole page {token}".encode()).hexdigest() if token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        answer = self._refusal(HTTPConnection(scope)) if scope["type"] in ("http", "websocket") else None
        if answer is None:
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})

    def _refusal(self, call: HTTPConnection) -> Response | None:
        host = call.headers.get("host", "")
        if not self._own(host):
            return PlainTextResponse(
                f"The page is not called {host[:80]!r}; --page-names names what else it is called.\n", status_code=421
            )
        origin = call.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("Not for pages from elsewhere.\n", status_code=403)
        cookie = f"keyhole-page-{_port(host)}"  # cookies do not tell ports apart
        if self._token is None or _same(call.cookies.get(cookie, ""), self._pass):
            return None
        if not _same(call.query_params.get("token", ""), self._token):
            return HTMLResponse(_FORM, status_code=401)
        entered = RedirectResponse("/", status_code=303)
        entered.set_cookie(cookie, self._pass, httponly=True, samesite="strict")
        return entered

    def _own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            _port(host)
            return name in self._names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _port(host: str) -> int:
    """Raises ValueError where what follows the colon is none."""
    return urlsplit(f"//{host}").port or 80


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
