import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from cloud.emulator.iamcredentials.routes import DOCUMENT, IamCredentialsV1
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import Principal
from cloud.engine.project.accounts import ServiceAccounts
from cloud.engine.project.identities import ml_service_account, owner
from cloud.errors import Unauthenticated
from emulator_api.api_client import SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.project_api import EMAIL, ProjectApi


class Api(ProjectApi):
    DOCUMENT, host = DOCUMENT, "iamcredentials.googleapis.com"
    root = f"/v1/projects/-/serviceAccounts/{EMAIL}"

    def restart(self) -> None:
        super().restart()
        self.accounts = ServiceAccounts(self.access)
        self.accounts.create("trainer-1")
        self.tokens, self.keys = TokenRegistry(account_exists=self.access.account_exists), KeyRing()
        self.emulated = IamCredentialsV1("my-project", self.access.number, self.keys, self.tokens, self.access)


@pytest.fixture
async def api(tmp_path):
    made = Api(memory_backend(), tmp_path)
    yield made
    await made.close()


async def test_a_token_is_the_accounts_until_that_is_deleted(api):
    answer = await api.ask("POST", ":generateAccessToken", {"scope": ["email"], "lifetime": "600s"})
    assert answer["expireTime"].endswith("Z")
    assert api.tokens.principal(answer["accessToken"]) == Principal(EMAIL)
    api.accounts.delete(EMAIL)
    with pytest.raises(Unauthenticated, match="was deleted"):
        api.tokens.principal(answer["accessToken"])
    refused = await api.refusal("POST", ":generateAccessToken", {"scope": ["email"]})
    assert refused["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": ["email"], "lifetime": "3601s"}, "lifetime"),
        ({"scope": ["email"], "delegates": ["projects/-/serviceAccounts/a@b.c"]}, "delegates"),
    ],
)
async def test_tokens_that_are_not_issued(api, body, field):
    refused = await api.refusal("POST", ":generateAccessToken", body)
    assert (refused["status"], f"Field: {field}" in refused["message"]) == ("INVALID_ARGUMENT", True)


async def test_a_signature_is_of_the_key_that_is_named(api):
    answer = await api.ask("POST", ":signBlob", {"payload": base64.b64encode(b"hello").decode()})
    key = api.keys._made.find(EMAIL)
    assert answer["keyId"] == key.id
    public = x509.load_pem_x509_certificate(key.certificate.encode()).public_key()
    public.verify(base64.b64decode(answer["signedBlob"]), b"hello", padding.PKCS1v15(), hashes.SHA256())
    assert (await api.refusal("POST", ":signBlob", {"payload": "?"}))["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("principal", [Principal(EMAIL), ml_service_account("my-project"), owner("my-project")])
async def test_an_account_signs_as_itself_without_a_grant(api, principal):
    path = f"/v1/projects/-/serviceAccounts/{principal.email}"
    answer = (await api.send("POST", f"{path}:signBlob", {"payload": "aGVsbG8="}, principal=principal)).json
    assert api.keys.signer(principal.email, b"hello", base64.b64decode(answer["signedBlob"])) == principal
    answer = (await api.send("POST", f"{path}:generateAccessToken", {"scope": ["email"]}, principal=principal)).json
    assert api.tokens.principal(answer["accessToken"]) == principal
    assert (await api.send("POST", f"{path}:signBlob", {"payload": ""}, principal=SOMEBODY)).status == 403


async def test_a_signed_jwt_and_an_id_token_have_their_claims(api):
    signed = (await api.ask("POST", ":signJwt", {"payload": json.dumps({"iss": EMAIL})}))["signedJwt"]
    token = (await api.ask("POST", ":generateIdToken", {"audience": "https://example.com"}))["token"]
    for each, claim in ((signed, ("iss", EMAIL)), (token, ("aud", "https://example.com"))):
        claims = json.loads(base64.urlsafe_b64decode(each.split(".")[1] + "=="))
        assert claim in claims.items()
    assert (await api.refusal("POST", ":signJwt", {"payload": "[]"}))["status"] == "INVALID_ARGUMENT"
    assert (await api.refusal("POST", ":generateIdToken", {}))["status"] == "INVALID_ARGUMENT"


async def test_who_may_not_act_as_an_account_is_told_how(api):
    refused = await api.refusal("POST", ":signBlob", {"payload": ""}, principal=SOMEBODY)
    assert refused["status"] == "PERMISSION_DENIED"
    assert "--role=roles/iam.serviceAccountTokenCreator" in refused["message"]


async def test_google_auths_look_up_in_the_background_is_answered(api):
    assert (await api.send("GET", f"{api.root}/allowedLocations", principal=SOMEBODY)).json == {
        "encodedLocations": "0x0"
    }
