"""Unsupported features are refused, not ignored."""

import pytest

from cloud.emulator.storage_v1 import features
from cloud.errors import InvalidArgument
from emulator_api.clients import received


@pytest.mark.parametrize(
    "resource",
    [
        {"kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"},
    ],
)
def test_of_objects(resource):
    [field] = resource
    with pytest.raises(InvalidArgument, match=f"An object's {field} is not emulated") as caught:
        features.check_object(resource)
    assert caught.value.field == field


async def test_disabled_features_and_unknown_fields_pass():
    features.check_object({"kmsKeyName": None, "id": "x"})
    features.check_bucket({"billing": {"requesterPays": False}, "encryption": {}})
    features.check_request(await received("GET", "/o?kmsKeyName="))


@pytest.mark.parametrize(
    "resource",
    [{"encryption": {"defaultKmsKeyName": "k"}}, {"ipFilter": {"mode": "Enabled"}}],
)
def test_of_buckets(resource):
    with pytest.raises(InvalidArgument, match=r"A bucket's (encryption.defaultKmsKeyName|ipFilter) is not emulated"):
        features.check_bucket(resource)


@pytest.mark.parametrize(
    ("query", "header", "field"),
    [
        ("kmsKeyName=k", None, "kmsKeyName"),
        ("destinationKmsKeyName=k", None, "destinationKmsKeyName"),
        ("filter=contexts", None, "filter"),
        ("", "X-Goog-Encryption-Key", "x-goog-encryption-key"),
        ("", "x-goog-copy-source-encryption-key", "x-goog-copy-source-encryption-key"),
    ],
)
async def test_of_requests(query, header, field):
    request = await received("POST", f"/o?{query}", {header: "x"} if header else {})
    with pytest.raises(InvalidArgument, match=r"not emulated|no contexts") as caught:
        features.check_request(request)
    assert caught.value.field == field
