"""The token endpoint's requests and responses. Pure.

Requests: RFC 6749 §6 (refresh) and RFC 7523 §2.1 (signed assertion); errors: RFC 6749 §5.2.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from cloud.emulator.oauth2.assertions import Assertion, parse_assertion
from cloud.emulator.oauth2.errors import TokenRefused
from cloud.emulator.oauth2.tokens import AccessToken

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def read_request(body: bytes) -> Assertion | str:
    """The assertion or the refresh token in a token request.

    Raises:
        TokenRefused: it has neither.
    """
    try:
        text = body.decode()
        # Google's clients for Node of 2018 and 2019 (gtoken 2.3) write JSON, and call it a form.
        form = _texts(json.loads(text)) if text.startswith("{") else dict(parse_qsl(text, max_num_fields=50))
    except (ValueError, RecursionError):
        raise TokenRefused("the body is not application/x-www-form-urlencoded") from None
    match form.get("grant_type", ""):
        case "refresh_token":
            return _required(form, "refresh_token")
        case grant_type if grant_type == JWT_BEARER:
            return parse_assertion(_required(form, "assertion"))
        case other:
            raise TokenRefused(f"Invalid grant_type: {other[:100]}", "unsupported_grant_type")


def token_response(token: AccessToken) -> dict[str, Any]:
    return {"access_token": token.value, "expires_in": int(token.expires_in), "token_type": "Bearer"}


def error_response(error: TokenRefused) -> dict[str, Any]:
    return {"error": error.error, "error_description": error.description}


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _required(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise TokenRefused(f"Required parameter is missing: {name}")
    return form[name]
