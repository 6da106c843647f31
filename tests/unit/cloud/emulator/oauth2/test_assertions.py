import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.oauth2 import assertions
from cloud.emulator.oauth2.errors import TokenRefused

NOW = 1_700_000_000
ACCOUNT = "a@b.c"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
CLAIMS = {"iss": ACCOUNT, "aud": assertions.TOKEN_URI, "iat": NOW, "exp": NOW + 3600, "scope": SCOPE}
STORAGE = assertions.ApiIdentity([r"storage\.googleapis\.com", r"www\.googleapis\.com"], r"devstorage\.read_only")


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(claims: object = CLAIMS, header: object = {"alg": "RS256"}, signature: str = "c2ln") -> str:
    return ".".join((part(header), part(claims), signature))


def changed(**claims: object) -> assertions.Assertion:
    given = CLAIMS | claims
    return assertions.parse_assertion(jwt({name: value for name, value in given.items() if value is not ...}))


def refusal(check, *arguments) -> TokenRefused | None:
    try:
        check(*arguments)
    except TokenRefused as error:
        return error
    return None


def test_an_assertion_is_parsed():
    found = changed(sub="s@b.c", scope=f"{SCOPE} email", target_audience="https://me")
    assert (found.algorithm, found.key_id, found.issuer, found.subject) == ("RS256", None, ACCOUNT, "s@b.c")
    assert (found.audience, found.scopes, found.target_audience) == (CLAIMS["aud"], (SCOPE, "email"), "https://me")
    assert (found.issued_at, found.expires_at) == (NOW, NOW + 3600)
    assert (jwt().rpartition(".")[0].encode(), b"sig") == (changed().signed, changed().signature)
    assert changed(sub=..., prn="p@b.c").subject == "p@b.c"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        jwt([]),
        jwt(header="x"),
        jwt(signature=""),
        jwt(signature="?"),
        jwt(signature="c2l\n"),
        jwt(signature="c2k===="),
        jwt(signature="c=2k"),
        jwt(CLAIMS | {"exp": math.nan}),
        jwt(CLAIMS | {"exp": math.inf}),
    ],
)
def test_what_is_no_jwt_is_a_bad_request(token):
    error = refusal(assertions.parse_assertion, token)
    assert error is not None
    assert (error.error, error.status, error.description[:12]) == ("invalid_request", 400, "Bad Request:")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["base64", "base64url"])
@pytest.mark.parametrize("has_padding", [True, False])
def test_both_alphabets_of_base64_with_and_without_padding_are_read(encode, has_padding):
    """As GDAL and old versions of google-auth sign; what is signed is what was sent."""
    signature = b"\xff\xef\xbe>?"
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(CLAIMS | {"sub": "ÿ?>"}, ensure_ascii=False).encode()]
    sent = [encode(each).decode() for each in (*parts, signature)]
    token = ".".join(sent if has_padding else (each.rstrip("=") for each in sent))
    found = assertions.parse_assertion(token)
    assert (found.issuer, found.subject, found.signature) == (ACCOUNT, "ÿ?>", signature)
    assert found.signed == token.rpartition(".")[0].encode()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iat": NOW - 10, "exp": NOW + 3600},  # Go: ten seconds off iat alone
        {"iat": NOW + 300, "exp": NOW + 3900},
        {"iat": NOW - 3600, "exp": NOW},
        {"iat": NOW - 3800, "exp": NOW - 299},
        {"iat": NOW, "exp": NOW + 60},
        {"iat": str(NOW), "exp": str(NOW + 3600)},
        {"iat": NOW + 0.25, "exp": NOW + 3600.25},
        {"scope": "email profile openid https://mail.google.com/"},
        {"scope": f"  {SCOPE}   {SCOPE}.read-only "},
        {"sub": ACCOUNT},
        {"sub": None},
        {"sub": ""},
        {"scope": ..., "target_audience": "https://service.example/", "sub": ACCOUNT},
        *({"aud": address} for address in sorted(assertions.AUDIENCES)),
    ],
)
def test_what_clients_ask_for_is_granted(claims):
    assertions.check_grant(changed(**claims), NOW)


@pytest.mark.parametrize(
    ("claims", "error", "text"),
    [
        ({"iat": ...}, "invalid_grant", "Invalid JWT: iat (issued at) is not set."),
        ({"exp": ...}, "invalid_grant", "Invalid JWT: exp (expiration time) is not set."),
        ({"exp": "soon"}, "invalid_grant", "Invalid JWT: exp (expiration time) is not set."),
        ({"exp": True}, "invalid_grant", "Invalid JWT: exp (expiration time) is not set."),
        ({"exp": {}}, "invalid_grant", "Invalid JWT: exp (expiration time) is not set."),
        ({"iat": NOW - 3901}, "invalid_grant", "short-lived token (60 minutes)"),
        ({"exp": NOW + 3901}, "invalid_grant", "short-lived token (60 minutes)"),
        ({"exp": 10**400}, "invalid_grant", "short-lived token (60 minutes)"),
        ({"exp": "9" * 400}, "invalid_grant", "short-lived token (60 minutes)"),
        ({"iat": NOW + 20, "exp": NOW + 10}, "invalid_grant", "reasonable timeframe"),
        ({"iat": NOW + 301, "exp": NOW + 3000}, "invalid_grant", "reasonable timeframe"),
        ({"iat": NOW - 3900, "exp": NOW - 300}, "invalid_grant", "reasonable timeframe"),
        ({"scope": ...}, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
        ({"scope": ""}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": [SCOPE]}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": f"{SCOPE},{SCOPE}"}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": "cloud-platform"}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": "https://google.com.evil.example/"}, "invalid_scope", "Invalid OAuth scope"),
        ({"scope": ..., "target_audience": ""}, "invalid_scope", "ID token audience"),
        ({"aud": ...}, "invalid_grant", "Invalid JWT: Failed audience check."),
        ({"aud": [assertions.TOKEN_URI]}, "invalid_grant", "Failed audience check"),
        ({"aud": "https://oauth2.googleapis.com"}, "invalid_grant", "Failed audience check"),
        ({"aud": "https://storage.googleapis.com/"}, "invalid_grant", "Failed audience check"),
        ({"sub": "me@corp.example"}, "unauthorized_client", "Client is unauthorized to retrieve access tokens"),
        ({"prn": "me@corp.example"}, "unauthorized_client", "Client is unauthorized"),
        ({"sub": ["me"]}, "unauthorized_client", "Client is unauthorized"),
    ],
)
def test_other_claims_are_refused_with_googles_error(claims, error, text):
    refused = refusal(assertions.check_grant, changed(**claims), NOW)
    assert refused is not None
    assert (refused.error, refused.status) == (error, 401 if error == "unauthorized_client" else 400)
    assert text in refused.description


def self_signed(**claims: object) -> assertions.Assertion:
    return changed(**{"aud": ..., "scope": ...} | claims)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://storage.googleapis.com/"},
        {"aud": "https://www.googleapis.com/"},
        {"aud": "https://storage.googleapis.com/google.storage.v2.Storage"},
        {"aud": "https://storage.googleapis.com/", "sub": ACCOUNT, "scope": "https://www.googleapis.com/auth/drive"},
        {"scope": SCOPE, "aud": None},
        {"scope": f"{SCOPE}.read-only", "sub": ACCOUNT},
        {"scope": "email https://www.googleapis.com/auth/devstorage.read_only"},
    ],
)
def test_a_self_signed_token_is_for_the_api_that_it_names(claims):
    assertions.check_bearer(self_signed(**claims), NOW, STORAGE)


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({}, "neither aud nor scope"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "neither aud nor scope"),
        ({"scope": "cloud-platform"}, "neither aud nor scope"),
        ({"scope": f"{SCOPE}x"}, "neither aud nor scope"),
        ({"aud": assertions.TOKEN_URI}, "aud is not this API's address: 'https://oauth2.googleapis.com/token'"),
        ({"aud": assertions.TOKEN_URI, "scope": SCOPE}, "aud is not"),
        ({"aud": "", "scope": SCOPE}, "aud is not"),
        ({"aud": ["https://storage.googleapis.com/"]}, "aud is not"),
        ({"aud": "https://ml.googleapis.com/"}, "aud is not"),
        ({"aud": "https://storage.googleapis.com"}, "aud is not"),
        ({"aud": "http://storage.googleapis.com/"}, "aud is not"),
        ({"aud": "https://storage.googleapis.com/storage/v1/b"}, "aud is not"),
        ({"aud": "https://storage.googleapis.com.evil.example/"}, "aud is not"),
        ({"aud": "https://storage.googleapis.com/", "sub": "me@corp.example"}, "sub is not iss"),
        ({"aud": "https://storage.googleapis.com/", "exp": NOW + 7200}, "short-lived token"),
        ({"aud": "https://storage.googleapis.com/", "exp": ...}, "exp .* is not set"),
    ],
)
def test_another_self_signed_token_is_none_for_it(claims, text):
    with pytest.raises(TokenRefused, match=text):
        assertions.check_bearer(self_signed(**claims), NOW, STORAGE)


_TIMES = st.one_of(
    st.integers(NOW - 10_000, NOW + 10_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.text(max_size=12),
    st.sampled_from([None, True, [], {}, str(NOW)]),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_NAMES = st.sampled_from(["iss", "sub", "prn", "aud", "scope", "target_audience", "iat", "exp"])


@given(_TIMES, _TIMES)
def test_what_is_granted_is_short_lived_and_timely(issued, expires):
    assertion = changed(iat=issued, exp=expires)
    if refusal(assertions.check_grant, assertion, NOW) is None:
        assert float(expires) - float(issued) <= 3900
        assert float(issued) <= NOW + 300 < float(expires) + 600


@given(st.dictionaries(_NAMES, _JSON))
def test_any_claims_are_granted_or_refused(claims):
    assertion = changed(**claims)
    granted = refusal(assertions.check_grant, assertion, NOW) is None
    taken = refusal(assertions.check_bearer, assertion, NOW, STORAGE) is None
    assert not (granted and taken)
    assert not granted or not (claims.get("sub") or "aud" in claims)


@given(st.text(max_size=60) | st.lists(st.text("abcXYZ09-_=.", max_size=8), max_size=4).map(".".join))
def test_any_text_is_parsed_or_refused(token):
    assert isinstance(refusal(assertions.parse_assertion, token), TokenRefused)
