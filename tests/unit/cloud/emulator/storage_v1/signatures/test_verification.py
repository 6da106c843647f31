from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from cloud.emulator.storage_v1.signatures.errors import HmacNotEmulated, MalformedSignature, SignatureFault
from cloud.emulator.storage_v1.signatures.verification import signer
from emulator_api.clients import received
from emulator_api.signed_requests import KEYS, OWNER, client_of

NOW = datetime.now(UTC)


async def signer_of(url: str, method: str = "GET", **headers: str):
    parts = urlsplit(url)
    host = parts.netloc or "storage.googleapis.com"
    return signer(await received(method, f"{parts.path}?{parts.query}", {"host": host, **headers}), NOW, KEYS.signer)


@pytest.fixture(scope="module")
def blob():
    return client_of(OWNER).bucket("bkt").blob("a b/ü+")


@pytest.mark.parametrize("version", ["v2", "v4"])
async def test_a_signed_request_is_its_signers(blob, version):
    url = blob.generate_signed_url(timedelta(hours=1), version=version)
    assert await signer_of(url) == OWNER
    with pytest.raises(SignatureFault):
        await signer_of(url, "DELETE")


async def test_the_header_authorization_makes_an_ordinary_request_of_it(blob):
    for value in ("Bearer x", "Bearer ", ""):
        assert await signer_of("/b/o?X-Goog-Signature=0", authorization=value) is None
    for value in ("AWS a:b", "AWS4-HMAC-SHA256 Credential=a", "GOOG1 a:b", "GOOG4-HMAC-SHA256 Credential=a"):
        with pytest.raises(HmacNotEmulated):
            await signer_of("/b/o", authorization=value)


async def test_others_are_nobodys():
    for query in ("", "alt=media&generation=1&userProject=p&x-goog-acl=private"):
        assert await signer_of(f"/b/o?{query}") is None


@pytest.mark.parametrize(
    "query",
    ["X-Goog-Signature=0", "x-goog-date=1", "X-Amz-Security-Token=t", "Signature=0", "googleaccessid=a", "Expires=1"],
)
async def test_one_parameter_makes_it_a_signed_one(query):
    with pytest.raises(MalformedSignature):
        await signer_of(f"/b/o?{query}")


async def test_a_signature_for_post_serves_no_other_method(blob):
    url = blob.generate_signed_url(timedelta(hours=1), version="v4", method="POST")
    assert await signer_of(url, "POST") == OWNER
    with pytest.raises(MalformedSignature, match="X-HTTP-Method-Override is not taken with a signature"):
        await signer_of(url, "POST", **{"x-http-method-override": "DELETE"})
