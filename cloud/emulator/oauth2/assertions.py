"""JSON Web Tokens that service accounts sign: how they are parsed, and what Google requires of them. Pure.

Claims, error codes and their descriptions: https://developers.google.com/identity/protocols/oauth2/service-account
("Preparing to make an authorized API call", "JWT error codes", "Service account authorization without OAuth").
Tokens in place of access tokens: https://google.aip.dev/auth/4111.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from cloud.emulator.oauth2.errors import InvalidGrant, TokenRefused

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
AUDIENCES = frozenset(
    {
        TOKEN_URI,
        "https://oauth2.mtls.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v3/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
"""The addresses that the token endpoint has had; clients have one of them compiled in."""
CLOCK_SKEW = 300.0
"""Seconds by which two clocks may differ. Google publishes no number but that of ``MAX_LIFETIME``."""
MAX_LIFETIME = 3600.0 + CLOCK_SKEW
"""Seconds from ``iat`` to ``exp``: an hour, and Google refuses from 65 minutes on."""

BAD_SIGNATURE = "Invalid JWT Signature."
_BAD_TIME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
_BAD_SCOPE = "Invalid OAuth scope or ID token audience provided."
_NO_DELEGATION = (
    "Client is unauthorized to retrieve access tokens using this method, "
    "or client not authorized for any of the scopes requested."
)

_PART = re.compile(rb"([A-Za-z0-9_+/-]+)={0,2}")
"""Base64, in either alphabet and with or without padding: GDAL and older versions of google-auth sign what RFC 7515
does not allow, and Google takes it."""
_STANDARD = bytes.maketrans(b"-_", b"+/")
_API = re.compile(r"https://([a-z0-9.-]+\.googleapis\.com)/(?:[\w.]+)?")
"""An API's address, alone or with the name of a service, as the clients of gRPC send it."""
_SCOPE = re.compile(r"openid|email|profile|https?://(?:[a-z0-9-]+\.)*(?:google|googleapis)\.com/[^\s,]*")
_API_SCOPE = r"https://www\.googleapis\.com/auth/(?:cloud-platform(?:\.read-only)?|{})"


@dataclass(frozen=True, slots=True)
class Assertion:
    """Parsed, but not verified. What is None is missing."""

    algorithm: Any
    key_id: Any
    issuer: str
    """Empty if it is missing, or no text."""
    subject: Any
    audience: Any
    scopes: tuple[str, ...]
    """None are given: empty."""
    target_audience: str
    """Whom an ID token is requested for; empty if an access token is."""
    issued_at: float | None
    """Seconds since 1970, as ``expires_at``."""
    expires_at: float | None
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class ApiIdentity:
    """What a self-signed token may name the API by that it is sent to."""

    hosts: Sequence[str]
    """Regular expressions for whole host names."""
    scopes: str
    """Regular expression for the API's own scopes, without ``https://www.googleapis.com/auth/``."""


def parse_assertion(token: str) -> Assertion:
    """Parse a JWT (RFC 7519 §7.2) without verifying it.

    Raises:
        TokenRefused: it is malformed.
    """
    try:
        header, claims, signature = (_decode(part) for part in token.encode().split(b"."))
        head, given = (json.loads(part, parse_constant=_refuse_constant) for part in (header, claims))
        return Assertion(
            algorithm=head.get("alg"),
            key_id=head.get("kid"),
            issuer=_text(given.get("iss")),
            # prn is an older name of sub.
            subject=given.get("sub", given.get("prn")),
            audience=given.get("aud"),
            scopes=tuple(_text(given.get("scope")).split()),
            target_audience=_text(given.get("target_audience")),
            issued_at=_seconds(given.get("iat")),
            expires_at=_seconds(given.get("exp")),
            signed=token.rpartition(".")[0].encode(),
            signature=signature,
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise TokenRefused("Bad Request: not a JWT of three base64url parts: header, claims, signature.") from None


def check_grant(assertion: Assertion, now: float) -> None:
    """Check the claims of an assertion that is to be exchanged for a token. Its issuer and signature are verified.

    Raises:
        TokenRefused: Google would refuse it.
    """
    _check_times(assertion, now)
    # Of a scope that does not exist only the form is known here.
    if not all(map(_SCOPE.fullmatch, assertion.scopes)) or not (assertion.scopes or assertion.target_audience):
        raise TokenRefused(_BAD_SCOPE, "invalid_scope")
    if not isinstance(assertion.audience, str) or assertion.audience not in AUDIENCES:
        raise InvalidGrant("Invalid JWT: Failed audience check.")
    if assertion.subject not in (None, "", assertion.issuer):
        # Nobody here has delegated a domain to a service account.
        raise TokenRefused(_NO_DELEGATION, "unauthorized_client", 401)


def check_bearer(assertion: Assertion, now: float, api: ApiIdentity) -> None:
    """Check the claims of an assertion that is sent to ``api`` in place of an access token; verified as above.

    Raises:
        TokenRefused: it is none for this API.
    """
    _check_times(assertion, now)
    if assertion.subject not in (None, "", assertion.issuer):
        raise TokenRefused("sub is not iss: a self-signed token is its issuer's")
    if assertion.audience is not None:
        address = _API.fullmatch(_text(assertion.audience))
        if address is None or not any(re.fullmatch(host, address[1]) for host in api.hosts):
            raise TokenRefused(f"aud is not this API's address: {str(assertion.audience)[:200]!r}")
    elif not any(re.fullmatch(_API_SCOPE.format(api.scopes), scope) for scope in assertion.scopes):
        raise TokenRefused("neither aud nor scope names this API")


def _check_times(assertion: Assertion, now: float) -> None:
    issued, expires = assertion.issued_at, assertion.expires_at
    if issued is None:
        raise InvalidGrant("Invalid JWT: iat (issued at) is not set.")
    if expires is None:
        raise InvalidGrant("Invalid JWT: exp (expiration time) is not set.")
    if not (issued <= now + CLOCK_SKEW and now - CLOCK_SKEW < expires and 0 <= expires - issued <= MAX_LIFETIME):
        raise InvalidGrant(_BAD_TIME)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    """A number, or a string of digits: Google takes both."""
    if value is None or isinstance(value, Mapping | list | bool):
        return None
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _decode(part: bytes) -> bytes:
    found = _PART.fullmatch(part)
    if found is None:
        raise ValueError("not base64")
    return base64.b64decode(found[1].translate(_STANDARD) + b"=" * (-len(found[1]) % 4))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
