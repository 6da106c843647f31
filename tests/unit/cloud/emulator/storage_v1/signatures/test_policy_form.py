"""Forms are signed by google-cloud-storage, as in real clients."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from cloud.emulator.storage_v1.signatures import policy_form
from cloud.emulator.storage_v1.signatures.errors import (
    BadPolicy,
    EarlySignature,
    HmacNotEmulated,
    MalformedSignature,
    WrongSignature,
)
from emulator_api.signed_requests import KEYS, OWNER, client_of


@pytest.fixture(scope="module")
def fields():
    made = client_of(OWNER).generate_signed_post_policy_v4(
        "bkt", "o", timedelta(hours=1), conditions=[["content-length-range", 1, 9]]
    )
    return {name.lower(): value for name, value in made["fields"].items()}


def of_version_2(**conditions: str) -> dict[str, str]:
    policy = {"expiration": "2999-06-16T11:11:11.000Z", "conditions": [{"bucket": "bkt"}, conditions]}
    text = base64.b64encode(json.dumps(policy).encode())
    signature = base64.b64encode(KEYS.sign(OWNER, text)[1]).decode()
    return {**conditions, "policy": text.decode(), "googleaccessid": OWNER.email, "signature": signature}


def verify(fields, bucket="bkt", now=None):
    return policy_form.verify(fields, bucket, now or datetime.now(UTC), KEYS.signer)


def test_it_is_its_signers_and_says_how_large_the_file_may_be(fields):
    principal, policy = verify(fields)
    assert (principal, policy.sizes) == (OWNER, (1, 9))
    principal, policy = verify(of_version_2(key="o"))
    assert (principal, policy.sizes) == (OWNER, None)


def test_out_of_its_policy_or_its_time_it_is_refused(fields):
    for changed in ({"key": "p"}, {"acl": "public-read"}, {"x-goog-date": "20200101T000000Z"}):
        with pytest.raises((BadPolicy, MalformedSignature)):
            verify(fields | changed)
    with pytest.raises(BadPolicy, match="bucket must be"):
        verify(fields, "bkt2")
    with pytest.raises(BadPolicy, match="expired"):
        verify(fields, now=datetime.now(UTC) + timedelta(hours=2))
    with pytest.raises(EarlySignature):
        verify(fields, now=datetime.now(UTC) - timedelta(hours=1))


def test_another_signature_policy_or_account_is_refused(fields):
    legacy = of_version_2(key="o")
    for changed in (
        fields | {"policy": legacy["policy"]},
        fields | {"x-goog-signature": "00"},
        fields | {"x-goog-credential": fields["x-goog-credential"].replace("owner@", "other@")},
        legacy | {"policy": fields["policy"]},
        legacy | {"googleaccessid": "other@example.com"},
    ):
        with pytest.raises(WrongSignature) as caught:
            verify(changed)
        assert caught.value.elements == {"StringToSign": changed["policy"]}


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"x-goog-signature": "0"}, "policy"),
        ({"policy": "e30="}, "GoogleAccessId"),
        ({"policy": "e30=", "googleaccessid": "a"}, "Signature"),
        ({"policy": "e30=", "googleaccessid": "a", "signature": "*"}, "signature"),
        ({"policy": "e30=", "x-goog-signature": "00"}, "X-Goog-Algorithm"),
    ],
)
def test_what_is_missing_or_malformed_is_named(fields, parameter):
    assert policy_form.is_signed(fields)
    with pytest.raises(MalformedSignature) as caught:
        verify(fields)
    assert caught.value.elements == {"ParameterName": parameter}


def test_hmac_keys_are_refused_in_words(fields):
    with pytest.raises(HmacNotEmulated):
        verify(fields | {"x-goog-algorithm": "GOOG4-HMAC-SHA256"})
    with pytest.raises(HmacNotEmulated):
        verify(
            {name.replace("goog", "amz"): value for name, value in fields.items()}
            | {"x-amz-algorithm": "AWS4-HMAC-SHA256"}
        )
    with pytest.raises(HmacNotEmulated):
        verify({"policy": "e30=", "awsaccesskeyid": "a", "signature": "AA=="})


def test_other_forms_are_not_signed():
    assert not policy_form.is_signed({"key": "o", "x-goog-meta-a": "b", "expires": "1"})
