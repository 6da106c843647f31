"""Google's own signed URLs and policies (tests/data/NOTICE), whose key is public."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cloud.emulator.storage_v1.signatures import policy_form, v4
from cloud.emulator.storage_v1.signatures.errors import ExpiredSignature, WrongSignature
from cloud.engine.principal import Principal
from emulator_api.signed_requests import VECTORS, request_of

SIGNER = Principal("test-iam-credentials@dummy-project-id.iam.gserviceaccount.com")
KEY = load_pem_public_key(b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArD8zIqyKLbX0Nq8o0Jj1
qHEhHhqO3+0OP7TEFx5Vxc6PdwBoFNrfnJRI/S+ZaDYS1avr5Pqpp8g8+UNOMvI1
VsjGM8xjTaxkVv8mmKp6pSmQstTt25pzY1exA2wv4xNWSwWNFNx2kh35+kvTQ/DF
3YA9P7pUU1sKur1PP8OoubWLFO59iy5UE5dX0O/3pjvZ2HAhSXsx2VWtB5nlrHR8
FrKJNLJMEGEDSMz9yRfQaUeYCU9oDYHuiqKQ3rCXi6C82l+3FJw5/ggJ5y7iw8ME
rCFSslcYQRbBVz6ZYKWkEcJhs8BG3/16bfaqNusNlDIJ99I7DmipUngF/HEulYhf
rQIDAQAB
-----END PUBLIC KEY-----""")
URLS, POLICIES = VECTORS["signingV4Tests"], VECTORS["postPolicyV4Tests"]
NOT_OF_ITS_URL = "Universe domain with virtual hosted style"
"""The vector whose canonical request has another path than its URL, which the signature is right for."""


def signers(email: str, signed: bytes, signature: bytes) -> Principal | None:
    assert isinstance(KEY, rsa.RSAPublicKey)
    try:
        KEY.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return None
    return SIGNER if email == SIGNER.email else None


def time_of(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize("vector", URLS, ids=lambda vector: vector["description"])
def test_a_url_is_its_signers(vector):
    at, headers = time_of(vector["timestamp"]), vector.get("headers", {})
    request = request_of(vector["expectedUrl"], vector["method"], headers)
    assert v4.verify(request, "Goog", at, signers) == SIGNER
    with pytest.raises(ExpiredSignature):
        v4.verify(request, "Goog", at + timedelta(seconds=vector["expiration"] + 1), signers)
    with pytest.raises(WrongSignature) as caught:
        v4.verify(request_of(vector["expectedUrl"], "PATCH", headers), "Goog", at, signers)
    if vector["description"] != NOT_OF_ITS_URL:
        first, _, rest = vector["expectedCanonicalRequest"].partition("\n")
        found = caught.value.elements["CanonicalRequest"]
        # The first that is tried has the port that Host has.
        assert found.replace(f"host:{request.host}\n", f"host:{request.host.partition(':')[0]}\n") == f"PATCH\n{rest}"
        assert first == vector["method"]


@pytest.mark.parametrize("vector", POLICIES, ids=lambda vector: vector["description"])
def test_a_form_is_its_signers(vector):
    fields = {name.lower(): value for name, value in vector["policyOutput"]["fields"].items()}
    at, bucket = time_of(vector["policyInput"]["timestamp"]), vector["policyInput"]["bucket"]
    if "startsWith" in vector["policyInput"].get("conditions", {}):
        name, value = vector["policyInput"]["conditions"]["startsWith"]
        fields[name.removeprefix("$")] = value
    assert policy_form.verify(fields, bucket, at, signers)[0] == SIGNER
    signature = bytearray.fromhex(fields["x-goog-signature"])
    signature[7] ^= 1
    with pytest.raises(WrongSignature) as caught:
        policy_form.verify({**fields, "x-goog-signature": signature.hex()}, bucket, at, signers)
    assert base64.b64decode(caught.value.elements["StringToSign"]).startswith(b'{"conditions":')
