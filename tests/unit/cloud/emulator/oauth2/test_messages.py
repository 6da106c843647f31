import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.oauth2 import messages
from cloud.emulator.oauth2.assertions import Assertion
from cloud.emulator.oauth2.errors import TokenRefused


@pytest.mark.parametrize("write", [urlencode, json.dumps], ids=["form", "JSON"])
def test_an_assertion_is_found(write):
    body = write({"grant_type": messages.JWT_BEARER, "assertion": "e30.eyJpc3MiOiJhQGIuYyJ9.c2ln"}).encode()
    found = messages.read_request(body)
    assert isinstance(found, Assertion)
    assert (found.issuer, found.issued_at) == ("a@b.c", None)


def test_a_refresh_token_is_found():
    assert (
        messages.read_request(b"client_id=i&client_secret=s&grant_type=refresh_token&refresh_token=1%2F%2Fx") == "1//x"
    )


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (b"", "unsupported_grant_type", "Invalid grant_type: $"),
        (b"\xff", "invalid_request", "urlencoded"),
        (b"&".join([b"a=b"] * 100), "invalid_request", "urlencoded"),
        (b"{", "invalid_request", "urlencoded"),
        (b'{"a":' * 100_000, "invalid_request", "urlencoded"),
        (b'{"grant_type": 1}', "unsupported_grant_type", "Invalid grant_type: $"),
        (b"grant_type=refresh_token", "invalid_request", "missing: refresh_token"),
        (b"grant_type=password", "unsupported_grant_type", "Invalid grant_type: password"),
        (urlencode({"grant_type": messages.JWT_BEARER}).encode(), "invalid_request", "missing: assertion"),
        (urlencode({"grant_type": messages.JWT_BEARER, "assertion": "x"}).encode(), "invalid_request", "Bad Request"),
    ],
)
def test_errors_of_bad_requests(body, error, text):
    with pytest.raises(TokenRefused, match=text) as caught:
        messages.read_request(body)
    assert messages.error_response(caught.value)["error"] == error


@given(st.binary(max_size=200))
def test_any_body_is_parsed_or_refused(body):
    try:
        found = messages.read_request(body)
    except TokenRefused as error:
        found = messages.error_response(error)["error_description"]
    assert isinstance(found, str | Assertion)
