"""Signatures are made by google-auth, as in real clients."""

import datetime
from unittest import mock

import pytest
from google.auth import crypt, jwt
from google.oauth2 import service_account
from oauth2client.service_account import ServiceAccountCredentials

from cloud.emulator.oauth2.assertions import TOKEN_URI, ApiIdentity, Assertion, parse_assertion
from cloud.emulator.oauth2.errors import InvalidGrant
from cloud.emulator.oauth2.key_store import KeyStore
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.private_keys import generate
from cloud.engine.principal import Principal
from cloud.engine.project.identities import ml_service_account, owner
from cloud.engine.project.records import AccountKey
from cloud.errors import Unauthenticated

ACCOUNT = ml_service_account("my-project")
NOW = 1_700_000_000
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
VERTEX_AI = ApiIdentity([r"(?:us-central1-)?aiplatform\.googleapis\.com"], "aiplatform")


@pytest.fixture(scope="module")
def ring():
    return KeyRing(lambda: NOW)


@pytest.fixture(scope="module")
def file(ring):
    return ring.service_account_file(ACCOUNT, "my-project")


def encode(file, claims, **header) -> str:
    given = {"iss": file["client_email"], "iat": NOW, "exp": NOW + 3600} | claims
    return jwt.encode(crypt.RSASigner.from_service_account_info(file), given, **header).decode()


def signed(file, **changes) -> Assertion:
    return parse_assertion(encode(file, {"aud": TOKEN_URI, "scope": SCOPE} | changes))


def test_the_key_file_is_one_that_google_auth_reads(file):
    credentials = service_account.Credentials.from_service_account_info(file)
    assert (credentials.service_account_email, credentials.project_id) == (ACCOUNT.email, "my-project")


def test_a_signed_assertion_authenticates_its_issuer(ring, file):
    assert ring.redeem(signed(file)) == ACCOUNT


def test_an_account_without_a_key_is_not_found(ring, file):
    for issuer in ("someone@else.example", "", None, ["a"]):
        with pytest.raises(InvalidGrant, match=r"^Invalid grant: account not found$"):
            ring.redeem(signed(file, iss=issuer))


def test_claims_are_checked(ring, file):
    with pytest.raises(InvalidGrant, match="reasonable timeframe"):
        ring.redeem(signed(file, iat=NOW - 7200, exp=NOW - 3600))


def test_a_signature_of_another_key_is_invalid_whatever_the_claims_are(ring, file):
    other_file = KeyRing(lambda: NOW).service_account_file(ACCOUNT, "my-project")
    renamed = dict(other_file, private_key_id=file["private_key_id"])
    unnamed = encode(file, {"aud": TOKEN_URI, "scope": SCOPE}, key_id="of-a-deleted-key")
    none = encode(file, {"aud": TOKEN_URI, "scope": SCOPE}, header={"alg": "none"})
    for assertion in (signed(other_file), signed(renamed, exp=0), parse_assertion(unnamed), parse_assertion(none)):
        with pytest.raises(InvalidGrant, match=r"^Invalid JWT Signature\.$"):
            ring.redeem(assertion)


def test_a_signature_is_the_accounts_if_a_key_of_it_has_signed(tmp_path):
    created = generate()
    public = AccountKey(created.id, "robot@p.iam.gserviceaccount.com", created.certificate, 0)
    exists = {ACCOUNT.email, public.email}
    kept = {public.email: [public]}
    ring = KeyRing(account_keys=lambda email: kept.get(email, []), account_exists=exists.__contains__)
    _, signature = ring.sign(ACCOUNT, b"text")
    assert ring.signer(ACCOUNT.email, b"text", signature) == ACCOUNT
    assert ring.signer(public.email, b"text", created.sign(b"text")) == Principal(public.email)
    for email, text, given in (
        (ACCOUNT.email, b"text", created.sign(b"text")),
        (ACCOUNT.email, b"other", signature),
        (public.email, b"text", signature),
        ("nobody@example.com", b"text", signature),
    ):
        assert ring.signer(email, text, given) is None
    kept.clear()
    assert ring.signer(public.email, b"text", created.sign(b"text")) is None
    exists.remove(ACCOUNT.email)
    assert ring.signer(ACCOUNT.email, b"text", signature) is None
    exists.add(ACCOUNT.email)
    ring.forget(ACCOUNT.email)
    assert ring.signer(ACCOUNT.email, b"text", signature) is None


def test_what_was_signed_before_a_restart_still_counts(tmp_path):
    me = owner("my-project")
    _, signature = KeyRing(made=KeyStore(tmp_path)).sign(me, b"text")
    ring = KeyRing(made=KeyStore(tmp_path))
    assert ring.signer(me.email, b"text", signature) == Principal(me.email)
    ring.service_account_file(me, "my-project")
    assert ring.signer(me.email, b"text", signature) == me  # who is the owner, too


def test_a_key_need_not_be_named(ring, file):
    signer = crypt.RSASigner.from_string(file["private_key"])  # as gcloud-aio and Node do
    claims = {"iss": ACCOUNT.email, "aud": TOKEN_URI, "scope": SCOPE, "iat": NOW, "exp": NOW + 3600}
    assert ring.redeem(parse_assertion(jwt.encode(signer, claims).decode())) == ACCOUNT


def test_the_key_of_an_account_stays_the_same(ring, file):
    assert ring.service_account_file(ACCOUNT, "my-project") == file


def test_a_user_file_holds_the_users_refresh_token(ring):
    me = owner("my-project")
    assert ring.redeem(ring.user_file(me)["refresh_token"]) == me
    with pytest.raises(InvalidGrant):
        ring.redeem("1//made-up")


def of_google_auth(file) -> str:
    credentials = service_account.Credentials.from_service_account_info(file, scopes=[SCOPE, "email"])
    return credentials._make_authorization_grant_assertion().decode()


def of_google_auth_for_an_id_token(file) -> str:
    credentials = service_account.IDTokenCredentials.from_service_account_info(file, target_audience="https://me")
    return credentials._make_authorization_grant_assertion().decode()


def of_oauth2client(file) -> str:
    credentials = ServiceAccountCredentials.from_json_keyfile_dict(dict(file), scopes=[SCOPE], token_uri=TOKEN_URI)
    return credentials._generate_assertion().decode()


@pytest.mark.parametrize("client", [of_google_auth, of_google_auth_for_an_id_token, of_oauth2client])
def test_assertions_of_googles_clients_are_redeemed_by_the_real_clock(client):
    ring = KeyRing()
    file = ring.service_account_file(ACCOUNT, "my-project")
    assert ring.redeem(parse_assertion(client(file))) == ACCOUNT


def test_self_signed_tokens_of_google_auth_are_access_tokens(ring, file):
    credentials = service_account.Credentials.from_service_account_info(file)
    by_audience = credentials.with_scopes(None)
    by_audience._create_self_signed_jwt("https://aiplatform.googleapis.com/")
    by_scope = credentials.with_scopes([SCOPE]).with_always_use_jwt_access(True)
    by_scope._create_self_signed_jwt(None)
    on_demand = jwt.OnDemandCredentials.from_service_account_info(file)
    headers = {}
    at = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    with mock.patch("google.auth._helpers.utcnow", return_value=at):
        for each in (by_audience, by_scope):
            each._jwt_credentials.refresh(None)
        service = "https://us-central1-aiplatform.googleapis.com/google.cloud.aiplatform.v1.JobService"
        on_demand.before_request(None, "POST", service, headers)
    tokens = [each._jwt_credentials.token.decode() for each in (by_audience, by_scope)]
    for token in (*tokens, headers["authorization"].partition(" ")[2]):
        assert ring.principal(token, VERTEX_AI) == ACCOUNT


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "neither aud nor scope"),
        ({"aud": "https://storage.googleapis.com/"}, "aud is not this API's address"),
        ({"aud": TOKEN_URI, "scope": SCOPE}, "aud is not this API's address"),
        ({"scope": SCOPE, "exp": NOW - 1000}, "reasonable timeframe"),
        ({"scope": SCOPE, "iss": "me@example.com"}, "account not found"),
    ],
)
def test_an_invalid_self_signed_token_is_refused(ring, file, claims, reason):
    with pytest.raises(Unauthenticated, match=f"^Invalid Credentials: .*{reason}"):
        ring.principal(encode(file, claims), VERTEX_AI)


def test_an_id_token_says_whose_and_for_whom_it_is(ring, file):
    claims = jwt.decode(ring.id_token(ACCOUNT, "https://me"), verify=False)
    assert claims == {
        "iss": "https://accounts.google.com",
        "aud": "https://me",
        "azp": ACCOUNT.email,
        "email": ACCOUNT.email,
        "email_verified": True,
        "sub": file["client_id"],
        "iat": NOW,
        "exp": NOW + 3600,
    }
    with pytest.raises(Unauthenticated):
        ring.principal(ring.id_token(ACCOUNT, "https://aiplatform.googleapis.com/"), VERTEX_AI)
