"""Whose requests are that carry a signed token, or parameters of a signed URL."""

import time
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt

from cloud.emulator.aiplatform_v1 import addresses as aiplatform_v1
from cloud.emulator.app import Emulator
from cloud.emulator.ml_v1 import addresses as ml_v1
from cloud.emulator.mounts import Mount, RequestSource
from cloud.emulator.oauth2.assertions import TOKEN_URI
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.messages import JWT_BEARER
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import WEB_PAGE, Principal
from cloud.engine.project.identities import owner
from emulator_api.recorder import Recorder, send
from emulator_api.signed_requests import client_of

ME = owner("my-project")


@pytest.fixture
def tokens():
    return TokenRegistry()


@pytest.fixture
def storage():
    return Recorder()


@pytest.fixture(scope="module")
def keys():
    return KeyRing()


@pytest.fixture
def emulator(storage, tokens, keys):
    return Emulator("my-project", "us-central1", storage, tokens, keys)


def a_token(file, **claims) -> str:
    given = {"iss": file["client_email"], "iat": time.time(), "exp": time.time() + 3600} | claims
    return jwt.encode(crypt.RSASigner.from_service_account_info(file), given).decode()


async def test_a_self_signed_token_is_one_for_the_api_that_it_names(emulator, storage, keys):
    vertex, file = Recorder(), keys.service_account_file(ME, "my-project")
    emulator.mount(
        Mount(aiplatform_v1.HOSTS, r".*", vertex, scopes=aiplatform_v1.SCOPES),
        Mount("127.0.0.1", aiplatform_v1.LOOPBACK_PATHS, vertex, scopes=aiplatform_v1.SCOPES),
    )
    scope = "https://www.googleapis.com/auth/{}".format
    both = [{"scope": scope("cloud-platform")}]
    of_storage = [{"aud": "https://storage.googleapis.com/"}, {"scope": scope("devstorage.read_write")}]
    of_vertex = [{"aud": "https://aiplatform.googleapis.com/"}, {"scope": scope("aiplatform")}]
    none = [{"aud": TOKEN_URI, "scope": scope("cloud-platform")}, {}]
    addresses = {
        "storage.googleapis.com/storage/v1/b": both + of_storage,
        "b.storage.googleapis.com/o": both + of_storage,
        "127.0.0.1/storage/v1/b": both + of_storage,
        "us-central1-aiplatform.googleapis.com/v1/projects/p": both + of_vertex,
        "127.0.0.1/v1/projects/p/locations/us-central1": both + of_vertex,
    }
    for address, taken in addresses.items():
        for claims in both + of_storage + of_vertex + none:
            how = {"Authorization": f"Bearer {a_token(file, **claims)}"}
            answer = await send(emulator.protocols(RequestSource(ME)), "GET", address, how)
            assert answer.status == (200 if claims in taken else 401), (address, claims)
    assert set(storage.seen + vertex.seen) == {ME}


async def test_the_platforms_apis_say_what_is_wrong_with_a_token_in_googles_words(emulator):
    emulator.mount(Mount(ml_v1.HOSTS, r".*", Recorder()))
    answer = await send(emulator, "GET", "ml.googleapis.com/v1/projects/p", {"Authorization": "Bearer x"})
    message = answer.json()["error"]["message"]
    assert message.startswith("Request had invalid authentication credentials. Expected OAuth 2 access token, login ")
    assert message.endswith("(Invalid Credentials)")


SIGNED_PATHS = ["storage.googleapis.com/bkt/o", "b.storage.googleapis.com/o", "127.0.0.1/bkt/o", "127.0.0.1/batch"]


@pytest.mark.parametrize("url", [*SIGNED_PATHS, "127.0.0.1/storage/v1/b/b/o/o"])
async def test_a_badly_signed_request_is_nobodys_whoever_sends_it(emulator, storage, url):
    good = f"GoogleAccessId=a&Signature=AA==&Expires={int(time.time()) + 60}"
    for query, status, start in (
        ("X-Goog-Signature=0", 400, "<Code>MalformedSecurityHeader</Code><Message>Invalid argument.</Message>"),
        (good, 403, "<Code>SignatureDoesNotMatch</Code><Message>Access denied.</Message><Details>The request signatu"),
        (good + "&AWSAccessKeyId=a", 403, "<Code>SignatureDoesNotMatch</Code><Message>Access denied.</Message>"),
        ("GoogleAccessId=a&Signature=AA&Expires=1", 400, "<Code>ExpiredToken</Code><Message>Invalid argument.</Me"),
    ):
        for source in (RequestSource(ME), RequestSource()):
            answer = await send(emulator.protocols(source), "GET", f"{url}?{query}")
            # In XML, whichever API it is sent to.
            assert (answer.status, start in answer.text) == (status, True)
    assert storage.seen == []


@pytest.mark.parametrize("version", ["v2", "v4"])
@pytest.mark.parametrize("host", ["storage.googleapis.com", "127.0.0.1:4601", "localhost"])
async def test_a_signed_request_is_its_signers_whoever_sends_it(emulator, storage, keys, host, version):
    account = Principal("robot@my-project.iam.gserviceaccount.com")
    blob = client_of(account, keys).bucket("bkt").blob("o")
    url = blob.generate_signed_url(timedelta(hours=1), version=version, api_access_endpoint=f"http://{host}")
    for source in (RequestSource(ME), RequestSource(), RequestSource(WEB_PAGE)):
        answer = await send(emulator.protocols(source), "GET", url.removeprefix("http://"))
        assert answer.status == 200
        assert (await send(emulator.protocols(source), "PUT", url.removeprefix("http://"))).status == 403
    assert storage.seen == [account] * 3


async def test_a_token_outweighs_a_signature(emulator, storage, tokens):
    for headers, status in (
        ({"Authorization": f"Bearer {tokens.issue(ME).value}"}, 200),
        ({"Authorization": "Bearer unknown"}, 401),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=a"}, 403),
    ):
        answer = await send(emulator, "GET", "storage.googleapis.com/bkt/o?X-Goog-Signature=0", headers)
        assert answer.status == status
    assert storage.seen == [ME]


async def test_an_assertion_buys_an_id_token_for_its_target_audience(emulator, keys):
    file = keys.service_account_file(ME, "my-project")

    async def buy(**claims):
        assertion = a_token(file, aud=TOKEN_URI, **claims)
        body = urlencode({"grant_type": JWT_BEARER, "assertion": assertion}).encode()
        return await send(emulator, "POST", "oauth2.googleapis.com/token", body=body)

    answer = await buy(target_audience="https://me")
    assert answer.json().keys() == {"id_token"}
    assert jwt.decode(answer.json()["id_token"], verify=False)["aud"] == "https://me"
    assert "access_token" in (await buy(scope="email")).json()
    answer = await buy(scope="email", sub="me@corp.example")
    assert (answer.status, answer.json()["error"]) == (401, "unauthorized_client")
