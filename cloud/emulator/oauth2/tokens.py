"""Access tokens and whom they were issued to."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud.engine.principal import Principal
from cloud.errors import Unauthenticated

LIFETIME = 3600.0
"""Seconds until a Google access token expires (https://cloud.google.com/docs/authentication/token-types#at-lifetime)."""
RENEW_BEFORE = 300.0
"""The metadata server returns a cached token until this many seconds before it expires
(https://cloud.google.com/compute/docs/access/authenticate-workloads#applications)."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    expires_in: float
    """Seconds from now."""


class TokenRegistry:
    """Issued tokens that have not expired. Only digests are stored: lookups compare no secret byte by byte, and
    printing the registry shows no token.

    Args:
        clock: monotonic, in seconds.
        account_exists: whether there is still an account of an e-mail address: the tokens of one that is gone are void.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, account_exists: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._clock, self._account_exists = clock, account_exists
        self._issued: dict[bytes, tuple[Principal, float]] = {}
        self._current: dict[Principal, tuple[str, float]] = {}

    def issue(self, principal: Principal, lifetime: float = LIFETIME) -> AccessToken:
        """A new token for ``principal``, valid for ``lifetime`` seconds.

        Raises:
            Unauthenticated: its account does not exist.
        """
        self._check(principal)
        now = self._clock()
        self._issued = {key: issued for key, issued in self._issued.items() if issued[1] > now}
        value = f"ya29.{secrets.token_urlsafe(96)}"
        self._issued[digest(value)] = (principal, now + lifetime)
        return AccessToken(value, lifetime)

    def current(self, principal: Principal) -> AccessToken:
        """The principal's last token if it is valid for more than ``RENEW_BEFORE`` seconds, else a new one.

        Raises:
            Unauthenticated: its account does not exist.
        """
        self._check(principal)
        now = self._clock()
        value, end = self._current.get(principal, ("", now))
        if end - now <= RENEW_BEFORE:
            token = self.issue(principal)
            self._current[principal] = (token.value, now + token.expires_in)
            return token
        return AccessToken(value, end - now)

    def principal(self, value: str) -> Principal:
        """The principal that ``value`` was issued to.

        Raises:
            Unauthenticated: it was not issued here, or has expired, or its account does not exist any more.
        """
        principal, end = self._issued.get(digest(value), (None, 0.0))
        if principal is None or end <= self._clock():
            raise Unauthenticated("Invalid Credentials")
        self._check(principal)
        return principal

    def _check(self, principal: Principal) -> None:
        if not self._account_exists(principal.email):
            raise Unauthenticated(f"The service account {principal.email} does not exist: it was deleted.")


def digest(value: str) -> bytes:
    """A key to look up a secret by."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
