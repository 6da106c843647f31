import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from cloud.emulator.iam.routes import DOCUMENT, IamV1
from cloud.emulator.oauth2.keys import KeyRing
from cloud.engine.principal import Principal
from cloud.engine.project.identities import compute_account
from emulator_api.api_client import SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.project_api import EMAIL, ProjectApi

ONE = f"/serviceAccounts/{EMAIL}"
MEMBER = f"serviceAccount:{EMAIL}"
CREATE = {"accountId": "trainer-1", "serviceAccount": {"displayName": "Trainer", "description": "Trains."}}


class Api(ProjectApi):
    DOCUMENT, host = DOCUMENT, "iam.googleapis.com"
    root = "/v1/projects/my-project"

    def restart(self) -> None:
        super().restart()
        self.emulated = IamV1(self.access)


@pytest.fixture
async def api(tmp_path):
    made = Api(memory_backend(), tmp_path)
    yield made
    await made.close()


async def test_an_account_is_made_found_changed_and_listed_after_a_restart(api):
    made = await api.ask("POST", "/serviceAccounts", CREATE)
    assert (made["name"], made["email"]) == (f"projects/my-project/serviceAccounts/{EMAIL}", EMAIL)
    assert (made["displayName"], made["description"], len(made["uniqueId"])) == ("Trainer", "Trains.", 21)
    for name in (EMAIL, made["uniqueId"]):
        assert await api.ask("GET", f"/serviceAccounts/{name}") == made
    assert (await api.send("GET", f"/v1/projects/-/serviceAccounts/{EMAIL}")).json == made
    body = {"serviceAccount": {"displayName": "Other", "description": "x"}, "updateMask": "displayName"}
    changed = await api.ask("PATCH", ONE, body)
    assert changed == {**made, "displayName": "Other"}
    await api.close()
    api.restart()
    listed = (await api.ask("GET", "/serviceAccounts"))["accounts"]
    assert [account["email"] for account in listed] == [compute_account("my-project").email, EMAIL]
    assert listed[1] == changed


@pytest.mark.parametrize("account_id", ["", "short", "A-capital", "x" * 31, "1-digit-first", "ends-with-"])
async def test_ids_that_google_does_not_take(api, account_id):
    refused = await api.refusal("POST", "/serviceAccounts", {"accountId": account_id})
    assert (refused["status"], "account_id" in refused["message"]) == ("INVALID_ARGUMENT", True)


async def test_what_is_there_or_is_not(api):
    await api.ask("POST", "/serviceAccounts", CREATE)
    assert (await api.refusal("POST", "/serviceAccounts", CREATE))["status"] == "ALREADY_EXISTS"
    nobody = ONE.replace("trainer", "nobody")
    for verb, path in (("GET", nobody), ("DELETE", nobody), ("GET", f"{nobody}/keys"), ("POST", f"{nobody}/keys")):
        assert (await api.refusal(verb, path, {}))["status"] == "NOT_FOUND"
    assert (await api.refusal("GET", f"{ONE}/keys/0123"))["status"] == "NOT_FOUND"


async def test_a_deleted_account_leaves_no_grants_to_one_of_the_same_name(api):
    made = await api.ask("POST", "/serviceAccounts", CREATE)
    grant = {"role": "roles/storage.admin", "members": [MEMBER]}
    api.access.set_policy({"bindings": [*api.access.bindings, grant]})
    who = Principal(EMAIL)
    assert api.access.allows(who, "storage.objects.get")
    assert await api.ask("DELETE", ONE) == {}
    assert not api.access.account_exists(EMAIL)
    await api.ask("POST", "/serviceAccounts", CREATE)
    assert api.access.account_exists(EMAIL)
    assert not api.access.allows(who, "storage.objects.get")
    gone = f"deleted:{MEMBER}?uid={made['uniqueId']}"
    assert {"role": "roles/storage.admin", "members": [gone]} in api.access.bindings
    api.access.set_policy(api.access.policy())  # as gcloud does when it adds a binding


async def test_a_key_is_a_credential_until_it_is_deleted(api):
    from google.oauth2 import service_account

    await api.ask("POST", "/serviceAccounts", CREATE)
    made = await api.ask("POST", f"{ONE}/keys", {})
    file = json.loads(base64.b64decode(made["privateKeyData"]))
    assert (file["client_email"], file["private_key_id"]) == (EMAIL, made["name"].rpartition("/")[2])
    ring = KeyRing(account_keys=api.access.records.keys)
    signed = service_account.Credentials.from_service_account_info(file, scopes=["email"])
    token = signed._make_authorization_grant_assertion().decode()
    from cloud.emulator.oauth2.assertions import parse_assertion
    from cloud.emulator.oauth2.errors import InvalidGrant

    assert ring.redeem(parse_assertion(token)) == Principal(EMAIL)
    path = "/" + made["name"].split("/", 2)[2]
    assert "privateKeyData" not in await api.ask("GET", path)
    assert [key["name"] for key in (await api.ask("GET", f"{ONE}/keys?keyTypes=USER_MANAGED"))["keys"]] == [
        made["name"]
    ]
    assert await api.ask("GET", f"{ONE}/keys?keyTypes=SYSTEM_MANAGED") == {}
    public = (await api.ask("GET", f"{path}?publicKeyType=TYPE_X509_PEM_FILE"))["publicKeyData"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(public))
    raw = (await api.ask("GET", f"{path}?publicKeyType=TYPE_RAW_PUBLIC_KEY"))["publicKeyData"]
    assert base64.b64decode(raw).startswith(b"-----BEGIN PUBLIC KEY-----")
    assert certificate.subject == certificate.issuer
    assert await api.ask("DELETE", path) == {}
    with pytest.raises(InvalidGrant, match="account not found"):
        ring.redeem(parse_assertion(token))


def a_certificate(private, *, days: int = 30) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unused")])
    last = datetime.now(UTC) + timedelta(days=days)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    made = made.serial_number(1).not_valid_before(last - timedelta(days=60)).not_valid_after(last)
    return made.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def test_an_uploaded_key_signs_while_its_certificate_is_valid(api):
    await api.ask("POST", "/serviceAccounts", CREATE)
    private = rsa.generate_private_key(65537, 2048)
    body = {"publicKeyData": base64.b64encode(a_certificate(private)).decode()}
    made = await api.ask("POST", f"{ONE}/keys:upload", body)
    assert (made["keyOrigin"], made["keyAlgorithm"]) == ("USER_PROVIDED", "KEY_ALG_RSA_2048")
    assert (await api.ask("GET", f"{ONE}/keys"))["keys"] == [made]
    assert (await api.refusal("POST", f"{ONE}/keys:upload", body))["status"] == "ALREADY_EXISTS"
    await api.ask("POST", "/serviceAccounts", {"accountId": "trainer-2"})
    other = await api.ask("POST", f"{ONE.replace('trainer-1', 'trainer-2')}/keys:upload", body)
    assert other["name"] != made["name"]
    signature = private.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    last = datetime.fromisoformat(made["validBeforeTime"]).timestamp()
    for now, signer in ((time.time(), Principal(EMAIL)), (last + 1, None)):
        ring = KeyRing(lambda now=now: now, account_keys=api.access.records.keys)
        assert ring.signer(EMAIL, b"text", signature) == signer


async def test_what_is_no_certificate_is_not_uploaded(api):
    await api.ask("POST", "/serviceAccounts", CREATE)
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 (that is the point)
    curve = ec.generate_private_key(ec.SECP256R1())
    expired = a_certificate(rsa.generate_private_key(65537, 2048), days=-1)
    for data, why in (
        (b"", ""),
        (b"text", ""),
        (a_certificate(small), "it has 1024 bits, and 2048 are the least"),
        (a_certificate(curve), "not of an RSA key"),
        (expired, "it has expired"),
    ):
        refused = await api.refusal("POST", f"{ONE}/keys:upload", {"publicKeyData": base64.b64encode(data).decode()})
        assert refused["status"] == "INVALID_ARGUMENT"
        assert "public_key_data" in refused["message"]
        assert why in refused["message"]


async def test_an_account_has_ten_keys_at_most(api, monkeypatch):
    monkeypatch.setattr("cloud.engine.project.accounts.MAX_KEYS", 1)
    await api.ask("POST", "/serviceAccounts", CREATE)
    await api.ask("POST", f"{ONE}/keys", {})
    refused = await api.refusal("POST", f"{ONE}/keys", {})
    assert (refused["status"], EMAIL in refused["message"]) == ("FAILED_PRECONDITION", True)


async def test_the_policy_of_an_account_says_who_may_use_it(api):
    await api.ask("POST", "/serviceAccounts", CREATE)
    wanted = {"permissions": ["iam.serviceAccounts.actAs"]}
    path = f"{api.root}{ONE}"
    assert (await api.send("POST", f"{path}:testIamPermissions", wanted, principal=SOMEBODY)).json == {}
    policy = await api.ask("POST", f"{ONE}:getIamPolicy")
    assert policy.keys() == {"etag"}
    user = {"role": "roles/iam.serviceAccountUser", "members": [f"user:{SOMEBODY.email}"]}
    written = await api.ask("POST", f"{ONE}:setIamPolicy", {"policy": {"bindings": [user], "etag": policy["etag"]}})
    assert written["bindings"] == [user]
    assert (await api.send("POST", f"{path}:testIamPermissions", wanted, principal=SOMEBODY)).json == wanted
    assert (await api.send("GET", path, principal=SOMEBODY)).status == 200
    assert (await api.send("DELETE", path, principal=SOMEBODY)).status == 403
    stale = {"policy": {"bindings": [], "etag": policy["etag"]}}
    assert (await api.refusal("POST", f"{ONE}:setIamPolicy", stale))["status"] == "ABORTED"
    for member in ("allUsers", "nobody"):
        bad = {"policy": {"bindings": [{**user, "members": [member]}]}}
        assert (await api.refusal("POST", f"{ONE}:setIamPolicy", bad))["status"] == "INVALID_ARGUMENT"


async def test_somebody_else_is_refused(api):
    for verb, path, body in (("GET", "", None), ("POST", "", CREATE), ("GET", f"/{EMAIL}/keys", None)):
        refused = await api.refusal(verb, f"/serviceAccounts{path}", body or b"", principal=SOMEBODY)
        assert (refused["status"], "--role=roles/iam.serviceAccount" in refused["message"]) == (
            "PERMISSION_DENIED",
            True,
        )
