"""Who there is in a project, and the access tokens that prove it."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud.engine.principal import Principal
from cloud.errors import Unauthenticated

LIFETIME = 3600.0
"""Seconds a Google access token lives (https://cloud.google.com/docs/authentication/token-types#at-lifetime)."""
RENEW_BEFORE = 300.0
"""The metadata server hands out a token until this many seconds before its end
(https://cloud.google.com/compute/docs/access/authenticate-workloads#applications)."""


def project_number(project: str) -> int:
    """The project's number: 12 digits, the same for the same id on every machine."""
    digest = hashlib.sha256(f"project number of {project}".encode()).digest()
    return 10**11 + int.from_bytes(digest[:8], "big") % (9 * 10**11)


def ml_service_account(project: str) -> Principal:
    """As whom training jobs and model versions act: AI Platform's service agent."""
    return Principal(f"service-{project_number(project)}@cloud-ml.google.com.iam.gserviceaccount.com")


def owner(project: str) -> Principal:
    """The person at the keyboard, whose project this is."""
    return Principal(f"owner@{project}.example.com", is_project_owner=True)


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    expires_in: float
    """Seconds from now."""


class TokenRegistry:
    """Tokens issued and not yet expired. Only their digests are kept, so that looking one up compares no secret
    byte by byte, and nothing that is printed can hold one.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._issued: dict[bytes, tuple[Principal, float]] = {}
        self._current: dict[Principal, tuple[str, float]] = {}

    def issue(self, principal: Principal, lifetime: float = LIFETIME) -> AccessToken:
        """A new token for ``principal``, good for ``lifetime`` seconds."""
        now = self._clock()
        for digest in [digest for digest, (_, end) in self._issued.items() if end <= now]:
            del self._issued[digest]
        value = f"ya29.{secrets.token_urlsafe(96)}"
        self._issued[_digest(value)] = (principal, now + lifetime)
        return AccessToken(value, lifetime)

    def current(self, principal: Principal) -> AccessToken:
        """The token handed out before, while it has more than ``RENEW_BEFORE`` seconds to live; else a new one."""
        now = self._clock()
        value, end = self._current.get(principal, ("", now))
        if end - now <= RENEW_BEFORE:
            token = self.issue(principal)
            self._current[principal] = (token.value, now + token.expires_in)
            return token
        return AccessToken(value, end - now)

    def principal(self, value: str) -> Principal:
        """Whose token ``value`` is.

        Raises:
            Unauthenticated: it was never issued here, or has expired.
        """
        principal, end = self._issued.get(_digest(value), (None, 0.0))
        if principal is None or end <= self._clock():
            raise Unauthenticated("Invalid Credentials")
        return principal


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
