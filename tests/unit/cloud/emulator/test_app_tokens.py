"""Whose requests are that carry a signed token, or parameters of a signed URL."""

import time
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt

from cloud.emulator.aiplatform_v1 import routes as aiplatform_v1
from cloud.emulator.app import Emulator, Mount, RequestSource
from cloud.emulator.ml_v1 import routes as ml_v1
from cloud.emulator.oauth2.assertions import TOKEN_URI
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.messages import JWT_BEARER
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.project.identities import owner
from emulator_api.recorder import Recorder, send

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


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("storage.googleapis.com/b/o", "<Code>InvalidArgument</Code>"),
        ("127.0.0.1/b/o", "<Code>InvalidArgument</Code>"),
        ("127.0.0.1/storage/v1/b/b/o/o", '"reason": "invalid"'),
        ("127.0.0.1/batch", '"reason": "invalid"'),
    ],
)
async def test_a_signed_request_is_nobodys_whoever_sends_it(emulator, storage, tokens, url, body):
    bearer = {"Authorization": f"Bearer {tokens.issue(ME).value}"}
    for source, headers in ((RequestSource(ME), {}), (RequestSource(), {}), (RequestSource(ME), bearer)):
        answer = await send(emulator.protocols(source), "GET", f"{url}?X-Goog-Signature=0", headers)
        assert (answer.status, body in answer.text) == (400, True)
        good = f"GoogleAccessId=a&Signature=AA&Expires={int(time.time()) + 60}"
        answer = await send(emulator.protocols(source), "GET", f"{url}?{good}", headers)
        assert (answer.status, "not verified" in answer.text) == (403, True)
    assert storage.seen == []


async def test_the_errors_of_signed_requests_are_googles_xml(emulator):
    for expires, status, start in (
        (int(time.time()) + 60, 403, "<Code>SignatureDoesNotMatch</Code><Message>Access denied.</Message><Details>Sig"),
        (1, 400, "<Code>ExpiredToken</Code><Message>Invalid argument.</Message><Details>The provided token has exp"),
    ):
        url = f"storage.googleapis.com/b/o?GoogleAccessId=a&Signature=AA&Expires={expires}"
        answer = await send(emulator, "GET", url)
        assert (answer.status, start in answer.text) == (status, True)


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
