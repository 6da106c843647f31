"""Who may use the console: the user who runs the cloud, in a browser that was opened with an address of its own.

An address has a token that is used once; it is exchanged for a cookie. Cookies ignore ports (RFC 6265 §8.5), so that a
server of another user on this machine may receive them: connections of other users are refused before
(``gateway.callers``), and changes need a second secret, which only the console's own pages have.
"""

import hashlib
import hmac
import secrets
import time

from aiohttp import hdrs, web

_LIFETIME = 600.0
"""Seconds in which an address can be opened."""
CSRF_FIELD, CSRF_HEADER = "csrf", "X-Console-Token"
_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


class Access:
    """The secrets of one console.

    Args:
        key: with which other processes of this user make addresses (``sign``).
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._used: dict[str, float] = {}
        self._session = secrets.token_urlsafe(32)
        self.csrf = secrets.token_urlsafe(32)

    def cookie_name(self, port: int) -> str:
        return f"console_{port}"

    def redeem(self, token: str) -> str | None:
        """The value of the cookie, if ``token`` was made by ``sign`` with the key, not long ago, and was not used."""
        now = time.time()
        self._used = {used: until for used, until in self._used.items() if until > now}
        if token in self._used or not hmac.compare_digest(_bytes(token), _bytes(_signed(self._key, token))):
            return None
        until = float(token.partition(".")[0]) + _LIFETIME  # it is what ``sign`` wrote
        if until < now:
            return None
        self._used[token] = until
        return self._session

    def admits(self, request: web.Request, port: int) -> bool:
        """Whether the request has the cookie, and comes from a page of this console or from no page at all."""
        given = request.cookies.get(self.cookie_name(port), "")
        return hmac.compare_digest(_bytes(given), self._session.encode()) and is_own_page(request, port)

    def may_change(self, given: str) -> bool:
        """Whether a request that is not safe has the pages' second secret."""
        return hmac.compare_digest(_bytes(given), self.csrf.encode())


def sign(key: str) -> str:
    """A token that is used once."""
    return _signed(key, f"{int(time.time())}.{secrets.token_urlsafe(16)}")


def _signed(key: str, token: str) -> str:
    stamp, _, rest = token.partition(".")
    nonce = rest.partition(".")[0]
    proof = hmac.new(key.encode(), _bytes(f"{stamp}.{nonce}"), hashlib.sha256).hexdigest()
    return f"{stamp}.{nonce}.{proof}"


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # a query may hold anything


def is_own_host(request: web.Request, port: int) -> bool:
    """Whether the request is for this machine by its number: a name may be another site's (DNS rebinding)."""
    return request.headers.get(hdrs.HOST) == f"127.0.0.1:{port}"


def is_own_page(request: web.Request, port: int) -> bool:
    """Whether the request was not made by a page of another site."""
    origin = request.headers.get(hdrs.ORIGIN)
    site = request.headers.get("Sec-Fetch-Site", "none")
    is_navigation = request.method in _SAFE and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    return origin in (None, f"http://127.0.0.1:{port}") and (site in ("none", "same-origin") or is_navigation)
