import base64
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.oauth2 import messages

CLAIMS = {"iss": "a@b.c", "aud": "https://oauth2.googleapis.com/token", "iat": 1, "exp": 2, "scope": "x"}


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(header: object = None, claims: object = None, signature: str = "c2ln") -> str:
    return ".".join((part(header or {"alg": "RS256"}), part(CLAIMS if claims is None else claims), signature))


def test_an_assertion_is_parsed():
    body = urlencode({"grant_type": messages.JWT_BEARER, "assertion": jwt()}).encode()
    found = messages.read_request(body)
    assert isinstance(found, messages.Assertion)
    assert (found.issuer, found.audience, found.issued_at, found.expires_at) == ("a@b.c", CLAIMS["aud"], 1, 2)
    assert (found.signed, found.signature) == (jwt().rpartition(".")[0].encode(), b"sig")


def test_a_refresh_token_is_found():
    assert (
        messages.read_request(b"client_id=i&client_secret=s&grant_type=refresh_token&refresh_token=1%2F%2Fx") == "1//x"
    )


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (b"", "invalid_request", "missing: grant_type"),
        (b"\xff", "invalid_request", "urlencoded"),
        (b"&".join([b"a=b"] * 100), "invalid_request", "urlencoded"),
        (b"grant_type=refresh_token", "invalid_request", "missing: refresh_token"),
        (b"grant_type=password", "unsupported_grant_type", "password"),
        (urlencode({"grant_type": messages.JWT_BEARER}).encode(), "invalid_request", "missing: assertion"),
    ],
)
def test_errors_of_bad_requests(body, error, text):
    with pytest.raises(messages.TokenRefused, match=text) as caught:
        messages.read_request(body)
    assert messages.error_response(caught.value)["error"] == error


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        jwt(claims={"iss": "x"}),
        jwt(claims=[]),
        jwt(header={"alg": "none"}),
        jwt(signature="?"),
        "é.é.é",
    ],
)
def test_a_bad_assertion_is_an_invalid_grant(token):
    with pytest.raises(messages.InvalidGrant):
        messages.read_assertion(token)


@given(st.binary(max_size=200))
def test_any_body_is_parsed_or_refused(body):
    try:
        found = messages.read_request(body)
    except messages.TokenRefused as error:
        found = messages.error_response(error)["error_description"]
    assert isinstance(found, str | messages.Assertion)
