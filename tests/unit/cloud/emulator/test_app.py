"""The whole emulator driven without a socket, with an API that tells what reached it in storage's place."""

import asyncio
import logging
from unittest import mock

import pytest
from aiohttp import ClientConnectionError, ClientPayloadError, web

from cloud.emulator.aiplatform_v1 import addresses as aiplatform_v1
from cloud.emulator.app import Emulator
from cloud.emulator.cloudresourcemanager import routes as resource_manager
from cloud.emulator.iam import routes as iam
from cloud.emulator.iamcredentials import routes as iam_credentials
from cloud.emulator.logging_v2 import addresses as logging_v2
from cloud.emulator.ml_v1 import addresses as ml_v1
from cloud.emulator.mounts import Mount, RequestSource
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import ANONYMOUS, WEB_PAGE, Principal
from cloud.engine.project.identities import ml_service_account, owner
from cloud.engine.storage.public.well_known import PublicBucketMissing
from cloud.errors import BucketNotFound, NotFound, PermissionDenied
from cloud.gateway import hosts
from cloud.testing.client import Client
from emulator_api.recorder import Recorder, send

ME = owner("my-project")
FLAVOR = {"Metadata-Flavor": "Google"}


@pytest.fixture
def clock():
    return mock.Mock(return_value=0.0)


@pytest.fixture
def tokens(clock):
    return TokenRegistry(clock)


@pytest.fixture
def storage():
    return Recorder()


@pytest.fixture
def keys():
    return KeyRing()


@pytest.fixture
def emulator(storage, tokens, keys):
    return Emulator("my-project", "us-central1", storage, tokens, keys)


# ---------------------------------------------------------------- who asks


async def test_a_good_token_is_its_principal(emulator, storage, tokens):
    token = tokens.issue(ME).value
    for how in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"bearer  {token} "}):
        await send(emulator, "GET", "www.googleapis.com/storage/v1/b", how)
    await send(emulator, "GET", f"www.googleapis.com/storage/v1/b?access_token={token}")
    assert storage.seen == [ME, ME, ME]


async def test_no_token_is_anonymous(emulator, storage):
    await send(emulator, "GET", "storage.googleapis.com/bkt/o", {"Authorization": "Bearer"})
    assert storage.seen == [ANONYMOUS]


@pytest.mark.parametrize("value", ["Bearer ya29.unknown", "Basic dTpw", "Basic ", "x", ""])
async def test_a_bad_token_is_401_in_googles_form(emulator, storage, value):
    answer = await send(emulator, "GET", "www.googleapis.com/storage/v1/b", {"Authorization": value})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert (answer.json()["error"]["code"], answer.json()["error"]["message"]) == (401, "Invalid Credentials")
    assert storage.seen == []


async def test_an_expired_token_is_401(emulator, tokens, clock):
    token = tokens.issue(ME, 60).value
    clock.return_value = 61.0
    answer = await send(emulator, "GET", "storage.googleapis.com/storage/v1/b", {"Authorization": f"Bearer {token}"})
    assert answer.status == 401


# ---------------------------------------------------------------- where it goes


@pytest.mark.parametrize(
    "url",
    [
        "www.googleapis.com/storage/v1/b",
        "www.googleapis.com:443/upload/storage/v1/b/x/o",
        "Storage.GoogleAPIs.com/storage/v1/b",
        "storage.googleapis.com/bucket/object",
        "bucket.storage.googleapis.com/object",
        "storage.us-central1.rep.googleapis.com/storage/v1/b",
        "127.0.0.1:4443/storage/v1/b",
        "localhost:1/bucket/object%0Aname",
        "[::1]:1/download/storage/v1/b/x/o/y",
    ],
)
async def test_storage_is_found(emulator, storage, url):
    assert (await send(emulator, "GET", url)).text == "stored"


@pytest.mark.parametrize(
    "url",
    [
        "evil.example/storage/v1/b",
        "/x",
    ],
)
async def test_a_host_or_path_of_no_api_is_404_in_googles_form(emulator, storage, url):
    answer = await send(emulator, "GET", url)
    assert (answer.status, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert storage.seen == []


async def test_a_request_without_host_asks_no_resolver(emulator):
    with mock.patch("socket.getfqdn", side_effect=AssertionError):
        said = await Client(emulator).exchange(b"GET /storage/v1/b HTTP/1.0\r\n\r\n")
    assert said.startswith(b"HTTP/1.0 404 ")


@pytest.mark.parametrize("host", ["metadata.google.internal", "169.254.169.254", "127.0.0.1:8080", "localhost"])
async def test_the_metadata_server_is_found_and_takes_no_tokens(emulator, tokens, host):
    url = f"{host}/computeMetadata/v1/instance/service-accounts/default/token"
    answer = await send(emulator, "GET", url, FLAVOR | {"Authorization": "Bearer nonsense"})
    assert not tokens.principal(answer.json()["access_token"]).is_project_owner


@pytest.mark.parametrize(
    "url",
    [
        "oauth2.googleapis.com/token",
        "www.googleapis.com/oauth2/v3/token",
        "www.googleapis.com/oauth2/v4/token",
        "accounts.google.com/o/oauth2/token",
        "127.0.0.1:1/token",
    ],
)
async def test_a_refresh_token_buys_an_access_token_at_every_name_of_the_endpoint(emulator, tokens, keys, url):
    body = f"grant_type=refresh_token&refresh_token={keys.user_file(ME)['refresh_token']}".encode()
    answer = await send(emulator, "POST", url, body=body)
    assert answer.headers["Cache-Control"] == "no-store"
    assert tokens.principal(answer.json()["access_token"]) == ME


async def test_a_bad_grant_is_refused_in_oauths_form(emulator):
    answer = await send(
        emulator, "POST", "oauth2.googleapis.com/token", body=b"grant_type=refresh_token&refresh_token=x"
    )
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
    assert (await send(emulator, "GET", "oauth2.googleapis.com/token")).status == 405


@pytest.mark.parametrize(
    "host",
    [
        "b.storage.googleapis.com",
        "storage.eu.rep.googleapis.com",
        "us-east1-ml.googleapis.com",
        "www.googleapis.com",
        "oauth2.googleapis.com",
        "accounts.google.com",
        "bigquery.googleapis.com",
        "us-docker.pkg.dev",
        "eu.gcr.io",
        "gcr.io",
        "1.us-central1-2.prediction.vertexai.goog",
    ],
)
async def test_every_host_the_gateway_lets_through_is_answered_by_some_api(emulator, host):
    assert hosts.is_google(host, 443)
    for api in (ml_v1, aiplatform_v1, iam, iam_credentials, resource_manager, logging_v2):
        emulator.mount(Mount(api.HOSTS, r".*", Recorder()))
    for path in ("/storage/v1/b", "/token", "/o/oauth2/token", "/bucket", "/"):
        assert (await send(emulator, "POST", f"{host}{path}")).status != 404


# ---------------------------------------------------------------- errors


async def test_a_cloud_error_becomes_json_or_xml_by_api(emulator, storage):
    storage.outcome = PermissionDenied("x may not")
    answer = await send(emulator, "GET", "storage.googleapis.com/storage/v1/b")
    assert (answer.status, answer.json()["error"]["message"]) == (403, "x may not")
    answer = await send(emulator, "GET", "storage.googleapis.com/bucket/object")
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (403, "application/xml")


async def test_what_nobody_foresaw_is_500_and_logged_without_secrets(emulator, storage, tokens, caplog):
    storage.outcome = ZeroDivisionError("boom")
    token = tokens.issue(ME).value
    answer = await send(emulator, "GET", f"storage.googleapis.com/storage/v1/b?access_token={token}")
    assert (answer.status, answer.json()["error"]["message"]) == (500, "Internal error encountered.")
    assert "ZeroDivisionError: boom" in caplog.text
    assert "/storage/v1/b failed" in caplog.text
    assert token not in caplog.text
    assert "boom" not in answer.text


async def test_a_body_too_long_to_be_read_whole_is_400(emulator, storage):
    storage.outcome = web.HTTPRequestEntityTooLarge(1, 2)
    answer = await send(emulator, "POST", "storage.googleapis.com/storage/v1/b")
    assert (answer.status, answer.json()["error"]["code"]) == (400, 400)


async def test_a_failure_in_the_middle_of_an_answer_breaks_it_off(emulator, storage, caplog):
    async def half(request, principal, /):
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"half")
        raise PermissionDenied("too late")

    storage.handle = half
    with pytest.raises(ClientPayloadError):
        await send(emulator, "GET", "storage.googleapis.com/bucket/object")


@pytest.mark.parametrize("error", [None, RuntimeError("it is gone")], ids=["in writing", "elsewhere"])
async def test_a_client_that_left_is_nobodys_error(emulator, storage, caplog, error):
    left, ended = asyncio.Event(), asyncio.Event()

    async def stream(request, principal, /):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        await left.wait()
        ended.set()
        if error is not None:
            raise error
        await response.write(b"more")
        return response

    storage.handle = stream
    async with Client(emulator, host="storage.googleapis.com") as client:
        async with client.stream("GET", "/bucket/object") as response:
            await response.content.readany()
        await asyncio.sleep(0)
        left.set()
        await ended.wait()
        await asyncio.sleep(0)
    assert caplog.records == []


# ---------------------------------------------------------------- as a server's protocol


async def test_continue_is_said_once_the_caller_is_known_and_before_the_body(emulator, tokens):
    head = (
        "PUT /storage/v1/b HTTP/1.1\r\nHost: storage.googleapis.com\r\nExpect: 100-continue\r\n"
        "Connection: close\r\n{}\r\n"
    )
    good = f"Authorization: Bearer {tokens.issue(ME).value}\r\nContent-Length: 0\r\n"
    said = await Client(emulator).exchange(head.format(good).encode())
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    said = await Client(emulator).exchange(head.format("Authorization: Bearer x\r\nContent-Length: 0\r\n").encode())
    assert said.startswith(b"HTTP/1.1 401 ")


async def test_a_garbled_request_is_400_and_its_text_is_not_logged(emulator, caplog):
    with caplog.at_level(logging.DEBUG):
        said = await Client(emulator).exchange(b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization Bearer secret\r\n\r\n")
    assert b" 400 " in said.partition(b"\r\n")[0]
    assert "secret" not in caplog.text


async def test_compressed_bodies_are_handed_on_as_they_are(emulator, storage):
    bodies = []

    async def keep(request, principal, /):
        bodies.append(await request.read())
        return web.Response()

    storage.handle = keep
    packed = b"\x1f\x8b not really gzip"
    await Client(emulator).exchange(
        b"PUT /b/o HTTP/1.1\r\nHost: storage.googleapis.com\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % len(packed) + packed,
    )
    assert bodies == [packed]


async def test_closing_waits_for_quick_answers_and_cancels_slow_ones(emulator, storage):
    both_began, release, ends = asyncio.Barrier(3), asyncio.Event(), []

    async def slow(request, principal, /):
        await both_began.wait()
        try:
            await (release.wait() if request.path == "/quick/o" else asyncio.Event().wait())
            ends.append("done")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return web.Response()

    storage.handle = slow
    tasks = [
        asyncio.create_task(send(emulator, "GET", f"storage.googleapis.com/{name}/o")) for name in ("quick", "slow")
    ]
    await both_began.wait()
    release.set()
    await emulator.close(grace=0.05)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert ends == ["done", "cancelled"]
    assert isinstance(results[1], ClientConnectionError)


# ---------------------------------------------------------------- doors


@pytest.mark.parametrize(
    ("source", "headers", "who"),
    [
        (RequestSource(ME), {}, ME),
        (RequestSource(), {}, ANONYMOUS),
        (RequestSource(ME), {"Origin": "https://evil.example"}, WEB_PAGE),
        (RequestSource(ME), {"Origin": "null"}, WEB_PAGE),
        (RequestSource(), {"Origin": "https://evil.example"}, WEB_PAGE),
        (RequestSource(ME), {"Sec-Fetch-Site": "cross-site"}, WEB_PAGE),
        (RequestSource(ME), {"Sec-Fetch-Site": "same-site"}, WEB_PAGE),
        (RequestSource(ME), {"Sec-Fetch-Site": "same-origin"}, WEB_PAGE),  # an object, opened as a page
        (RequestSource(ME), {"Origin": "https://a.example", "x-upload-content-type": "image/png"}, ME),  # for a page
        (RequestSource(ME), {"origin": "https://a.example", "X-Goog-Api-Client": "gl-node/20"}, ME),
        (RequestSource(ME), {"Sec-Fetch-Site": "cross-site", "X-Goog-Api-Client": "gl-node/20"}, WEB_PAGE),
        (RequestSource(ME), {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, ME),  # a person
        (RequestSource(ME), {"Sec-Fetch-Mode": "cors"}, ME),  # Node
    ],
)
async def test_a_request_without_a_token_is_made_by_the_principal_of_its_source(
    emulator, storage, source, headers, who
):
    await send(emulator.protocols(source), "GET", "127.0.0.1/storage/v1/b", headers)
    assert storage.seen == [who]


async def test_the_requests_in_a_web_pages_batch_are_a_web_pages(emulator, storage):
    form = {"Content-Type": "multipart/form-data; boundary=b", "Origin": "https://evil.example"}
    inner = "GET /storage/v1/b HTTP/1.1\r\nSec-Fetch-Site: none\r\n\r\n"
    body = f"--b\r\nContent-Type: application/http\r\n\r\n{inner}\r\n--b--\r\n".encode()
    await send(emulator.protocols(RequestSource(ME)), "POST", "127.0.0.1/batch/storage/v1", form, body)
    assert storage.seen == [WEB_PAGE]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-origin"}])
@pytest.mark.parametrize("source", [RequestSource(ME), RequestSource()])
async def test_the_metadata_server_issues_no_token_to_a_web_page(emulator, source, headers):
    path = "127.0.0.1/computeMetadata/v1/instance/service-accounts/default/token"
    answer = await send(emulator.protocols(source), "GET", path, FLAVOR | headers)
    assert (answer.status, answer.text) == (403, "Requests of web pages are refused.")


async def test_no_preflight_is_answered(emulator):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for path in ("computeMetadata/v1/", "token", "batch/storage/v1"):
        answer = await send(emulator.protocols(RequestSource(ME)), "OPTIONS", f"127.0.0.1/{path}", asked)
        assert answer.status >= 400
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


async def test_the_metadata_server_issues_the_token_of_its_source(emulator, tokens):
    path = "127.0.0.1/computeMetadata/v1/instance/service-accounts/default/token"
    job = Principal("job@my-project.iam.gserviceaccount.com")
    sources = [
        (RequestSource(ME), ME),
        (RequestSource(), ml_service_account("my-project")),
        (RequestSource(account=job), job),
        (RequestSource(ME, account=job), ME),
    ]
    for source, who in sources:
        answer = await send(emulator.protocols(source), "GET", path, FLAVOR)
        assert tokens.principal(answer.json()["access_token"]) == who


async def test_a_denied_permission_is_reported_to_its_source(emulator, storage):
    reported: list[str] = []
    storage.outcome = PermissionDenied("me@example.com does not have storage.buckets.list")
    await send(emulator.protocols(RequestSource(ME, reported.append)), "GET", "127.0.0.1/storage/v1/b")
    assert reported == ["GET 127.0.0.1/storage/v1/b: me@example.com does not have storage.buckets.list"]


async def test_a_missing_bucket_is_reported_to_its_source_but_not_a_missing_object(emulator, storage):
    reported: list[str] = []
    for storage.outcome in (NotFound("No such object: b/o"), BucketNotFound("The bucket does not exist: 'b'")):
        await send(emulator.protocols(RequestSource(ME, reported.append)), "GET", "127.0.0.1/storage/v1/b/b/o/o")
    assert reported == ["The bucket does not exist: 'b'"]


async def test_a_missing_public_bucket_is_reported_to_its_source_else_once_to_the_owner(emulator, storage, caplog):
    """gcloud, gsutil and TensorFlow show no words but their own for it."""
    storage.outcome = missing = PublicBucketMissing("The specified bucket does not exist: 'tensorflow'", "tensorflow")
    reported: list[str] = []
    for source in (RequestSource(on_denial=reported.append), RequestSource(), RequestSource()):
        await send(emulator.protocols(source), "GET", "storage.googleapis.com/tensorflow/mnist.npz")
    assert reported == caplog.messages == [missing.message]
