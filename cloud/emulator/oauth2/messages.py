"""The token endpoint's requests and responses. Pure.

Requests: RFC 6749 §6 (refresh) and RFC 7523 §2.1 (signed assertion); errors: RFC 6749 §5.2.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from cloud.emulator.oauth2.tokens import AccessToken

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenRefused(Exception):
    """An error in the token endpoint's own format, which is not Google's error JSON."""

    def __init__(self, description: str, error: str = "invalid_request") -> None:
        super().__init__(description)
        self.description, self.error = description, error


class InvalidGrant(TokenRefused):
    def __init__(self, description: str) -> None:
        super().__init__(description, "invalid_grant")


@dataclass(frozen=True, slots=True)
class Assertion:
    """A JSON Web Token, parsed but not verified."""

    issuer: str
    audience: str
    """Empty if the token has a scope only."""
    issued_at: float
    expires_at: float
    signed: bytes
    signature: bytes


def read_request(body: bytes) -> Assertion | str:
    """The assertion or the refresh token in a token request.

    Raises:
        TokenRefused: it has neither.
    """
    try:
        form = dict(parse_qsl(body.decode(), max_num_fields=50))
    except ValueError:
        raise TokenRefused("the body is not application/x-www-form-urlencoded") from None
    match form.get("grant_type"):
        case "refresh_token":
            return _required(form, "refresh_token")
        case grant_type if grant_type == JWT_BEARER:
            return read_assertion(_required(form, "assertion"))
        case None:
            raise TokenRefused("Required parameter is missing: grant_type")
        case other:
            raise TokenRefused(f"Invalid grant_type: {other[:100]}", "unsupported_grant_type")


def read_assertion(token: str) -> Assertion:
    """Parse a JWT with an RS256 signature (RFC 7515 §3.1), without verifying it.

    Raises:
        InvalidGrant: it is malformed.
    """
    try:
        header, claims, signature = token.encode().split(b".")
        algorithm = json.loads(_decode(header))["alg"]
        given: dict[str, Any] = json.loads(_decode(claims))
        assertion = Assertion(
            issuer=str(given["iss"]),
            audience=str(given["aud"] if "scope" not in given else given.get("aud", "")),
            issued_at=float(given["iat"]),
            expires_at=float(given["exp"]),
            signed=header + b"." + claims,
            signature=_decode(signature),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidGrant("Invalid JWT: not a signed token with iss, aud or scope, iat and exp.") from None
    if algorithm != "RS256":
        raise InvalidGrant("Invalid JWT: the only algorithm is RS256")
    return assertion


def token_response(token: AccessToken) -> dict[str, Any]:
    return {"access_token": token.value, "expires_in": int(token.expires_in), "token_type": "Bearer"}


def error_response(error: TokenRefused) -> dict[str, Any]:
    return {"error": error.error, "error_description": error.description}


def _required(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise TokenRefused(f"Required parameter is missing: {name}")
    return form[name]


def _decode(part: bytes) -> bytes:
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
