"""The token endpoint's forms and JSON. Pure.

Requests: RFC 6749 §6 (refresh) and RFC 7523 §2.1 (signed assertion); errors: RFC 6749 §5.2.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenRefused(Exception):
    """The token endpoint's own error form, which is not Google's JSON envelope."""

    error = "invalid_request"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class InvalidGrant(TokenRefused):
    error = "invalid_grant"


class UnsupportedGrantType(TokenRefused):
    error = "unsupported_grant_type"


@dataclass(frozen=True, slots=True)
class Assertion:
    """A JSON Web Token, taken apart and not yet believed."""

    issuer: str
    audience: str
    """Empty if there is none, only a scope."""
    issued_at: float
    expires_at: float
    signed: bytes
    signature: bytes


def read_request(body: bytes) -> Assertion | str:
    """The proof in a token request: an assertion or a refresh token.

    Raises:
        TokenRefused: it is neither.
    """
    try:
        form = dict(parse_qsl(body.decode(), max_num_fields=50))
    except ValueError:
        raise TokenRefused("the body is not application/x-www-form-urlencoded") from None
    match form.get("grant_type"):
        case "refresh_token":
            return _given(form, "refresh_token")
        case grant_type if grant_type == JWT_BEARER:
            return read_assertion(_given(form, "assertion"))
        case None:
            raise TokenRefused("Required parameter is missing: grant_type")
        case other:
            raise UnsupportedGrantType(f"Invalid grant_type: {other[:100]}")


def read_assertion(token: str) -> Assertion:
    """Take a JWT with an RS256 signature apart (RFC 7515 §3.1).

    Raises:
        InvalidGrant: it is not one.
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


def token_response(value: str, expires_in: float) -> dict[str, Any]:
    return {"access_token": value, "expires_in": int(expires_in), "token_type": "Bearer"}


def error_response(error: TokenRefused) -> dict[str, Any]:
    return {"error": error.error, "error_description": error.description}


def _given(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise TokenRefused(f"Required parameter is missing: {name}")
    return form[name]


def _decode(part: bytes) -> bytes:
    try:
        return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
