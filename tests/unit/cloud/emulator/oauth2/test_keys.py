"""Signatures are made by google-auth, as in real clients."""

from datetime import timedelta

import pytest
from google.auth import _helpers, crypt, jwt
from google.oauth2 import service_account

from cloud.emulator.oauth2 import messages
from cloud.emulator.oauth2.keys import TOKEN_URI, KeyRing
from cloud.emulator.oauth2.tokens import ml_service_account, owner
from cloud.errors import Unauthenticated

ACCOUNT = ml_service_account("my-project")
NOW = 1_700_000_000


@pytest.fixture(scope="module")
def ring():
    return KeyRing(lambda: NOW)


@pytest.fixture(scope="module")
def file(ring):
    return ring.service_account_file(ACCOUNT, "my-project")


def signed(file, **changes) -> messages.Assertion:
    claims = {"iss": file["client_email"], "aud": TOKEN_URI, "iat": NOW, "exp": NOW + 3600, "scope": "x"} | changes
    return messages.read_assertion(jwt.encode(crypt.RSASigner.from_service_account_info(file), claims).decode())


def test_the_key_file_is_one_that_google_auth_reads(file):
    credentials = service_account.Credentials.from_service_account_info(file)
    assert (credentials.service_account_email, credentials.project_id) == (ACCOUNT.email, "my-project")


def test_a_signed_assertion_authenticates_its_issuer(ring, file):
    assert ring.redeem(signed(file)) == ACCOUNT


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iss": "someone@else.example"}, "account not found"),
        ({"aud": "https://evil.example/token"}, "audience"),
        ({"iat": NOW - 7200, "exp": NOW - 3600}, "reasonable timeframe"),
        ({"iat": NOW + 3600, "exp": NOW + 7200}, "reasonable timeframe"),
    ],
)
def test_invalid_claims_are_refused(ring, file, changes, text):
    with pytest.raises(messages.InvalidGrant, match=text):
        ring.redeem(signed(file, **changes))


def test_a_key_of_another_ring_is_refused(ring, file):
    other_file = KeyRing(lambda: NOW).service_account_file(ACCOUNT, "my-project")
    with pytest.raises(messages.InvalidGrant, match="Signature"):
        ring.redeem(signed(other_file))


def test_the_key_of_an_account_stays_the_same(ring, file):
    assert ring.service_account_file(ACCOUNT, "my-project") == file


def test_a_user_file_holds_the_users_refresh_token(ring):
    me = owner("my-project")
    assert ring.redeem(ring.user_file(me)["refresh_token"]) == me
    with pytest.raises(messages.InvalidGrant):
        ring.redeem("1//made-up")


def test_the_real_clock_is_used_by_default():
    ring = KeyRing()
    file = ring.service_account_file(ACCOUNT, "my-project")
    now = _helpers.utcnow()
    stamps = {"iat": _helpers.datetime_to_secs(now), "exp": _helpers.datetime_to_secs(now + timedelta(hours=1))}
    assert ring.redeem(signed(file, **stamps)) == ACCOUNT


def self_signed(file, **claims) -> str:
    given = {"iss": file["client_email"], "sub": file["client_email"], "iat": NOW, "exp": NOW + 3600}
    return jwt.encode(crypt.RSASigner.from_service_account_info(file), given | claims).decode()


@pytest.mark.parametrize(
    "claims",
    [{"aud": "https://us-central1-aiplatform.googleapis.com/"}, {"scope": "https://www.googleapis.com/auth/x"}],
)
def test_a_self_signed_token_is_accepted_as_an_access_token(ring, file, claims):
    assert ring.principal(self_signed(file, **claims)) == ACCOUNT


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": "https://example.com/"},
        {"aud": TOKEN_URI, "exp": NOW - 1000},
        {"scope": "x", "iss": "me@example.com"},
    ],
)
def test_an_invalid_self_signed_token_is_refused(ring, file, claims):
    with pytest.raises(Unauthenticated, match="Invalid Credentials"):
        ring.principal(self_signed(file, **claims))
