"""What is kept of requests: all but credentials and the bytes of objects, and no more than there is room for."""

import asyncio
import json

import pytest
from aiohttp import ClientError, web
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator import recorder as recorder_module
from cloud.emulator.app import Emulator
from cloud.emulator.faults import Cut
from cloud.emulator.mounts import RequestSource
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.recorder import RECORD, RecordedCall, Recorder
from cloud.engine.principal import Principal
from cloud.engine.project.identities import owner
from cloud.errors import PermissionDenied
from emulator_api.recorder import send

ME = owner("my-project")


class Storage:
    """Reads a body as JSON where there is one, and answers with it."""

    def method_id(self, request: web.Request) -> str:
        return "iam.projects.serviceAccounts.keys.create" if "/keys" in request.path else "storage.buckets.get"

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        content = await request.read()
        request[RECORD].sent = content
        if "refuse" in request.path:
            raise PermissionDenied("no", permission="storage.buckets.get", grant="gcloud it")
        return web.Response(body=content or b"{}")


@pytest.fixture
def tokens():
    return TokenRegistry()


@pytest.fixture
def emulator(tokens):
    emulator = Emulator("my-project", "us-central1", Storage(), tokens, KeyRing())
    emulator.recorder = Recorder()
    return emulator


async def test_a_request_is_kept_with_its_caller_method_and_answer(emulator, tokens) -> None:
    headers = {"Authorization": f"Bearer {tokens.issue(ME).value}", "User-Agent": "me/1"}
    await send(emulator, "POST", "storage.googleapis.com/storage/v1/b/x?alt=json", headers, b'{"a": 1}')
    [call] = emulator.recorder.calls
    assert (call.number, call.http_method, call.host) == (1, "POST", "storage.googleapis.com")
    assert (call.path, call.agent) == ("/storage/v1/b/x?alt=json", "me/1")
    assert (call.method_id, call.caller, call.status) == ("storage.buckets.get", ME.email, 200)
    assert call.sent == call.answered == b'{"a": 1}'
    assert call.sent_bytes == call.answered_bytes == 8
    assert 0 <= call.seconds < 10


async def test_a_refused_one_is_kept_with_what_would_allow_it(emulator) -> None:
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/refuse")
    [call] = emulator.recorder.calls
    assert call.status == 403
    assert isinstance(call.failure, PermissionDenied)
    assert (call.failure.permission, call.failure.grant) == ("storage.buckets.get", "gcloud it")


async def test_one_without_an_answer_is_kept_too(emulator) -> None:
    emulator.faults.add("storage.buckets.get", Cut.BEFORE)
    with pytest.raises(ClientError):
        await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/x")
    assert [call.status for call in emulator.recorder.calls] == [0]


async def test_the_programs_of_a_job_are_told_apart(emulator) -> None:
    await send(emulator.protocols(RequestSource(job_id="mine")), "GET", "storage.googleapis.com/storage/v1/b/x")
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/x")
    assert [call.job_id for call in emulator.recorder.calls] == ["mine", ""]


@pytest.mark.parametrize("name", ["access_token", "upload_id", "X-Goog-Signature", "Signature", "key"])
async def test_secrets_in_addresses_are_not_kept(emulator, name: str) -> None:
    await send(emulator, "GET", f"storage.googleapis.com/storage/v1/b/x?a=1&{name}=SECRET&b=2")
    [call] = emulator.recorder.calls
    assert call.path == f"/storage/v1/b/x?a=1&{name}=REDACTED&b=2"


async def test_no_credential_is_kept(emulator, tokens) -> None:
    token = tokens.issue(ME).value
    headers = {"Authorization": f"Bearer {token}"}
    await send(emulator, "POST", "storage.googleapis.com/storage/v1/b/keys", headers, b'{"privateKeyData": "SECRET"}')
    await send(emulator, "POST", "oauth2.googleapis.com/token", {}, b"grant_type=SECRET")
    await send(
        emulator,
        "GET",
        "metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
        {"Metadata-Flavor": "Google"},
    )
    calls = emulator.recorder.calls
    assert len(calls) == 3
    kept = " ".join(repr((call, call.sent, call.answered)) for call in calls)
    assert "SECRET" not in kept
    assert token not in kept
    assert "ya29" not in kept
    assert calls[0].sent_bytes > 0


async def test_a_long_body_is_cut(emulator) -> None:
    body = json.dumps({"a": "x" * 100_000}).encode()
    await send(emulator, "POST", "storage.googleapis.com/storage/v1/b/x", {}, body)
    [call] = emulator.recorder.calls
    assert (len(call.sent), len(call.answered)) == (recorder_module.LONGEST_BODY,) * 2
    assert call.sent_bytes == call.answered_bytes == len(body)


async def test_whoever_follows_gets_what_ends_from_then_on(emulator) -> None:
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/before")
    last = emulator.recorder.last
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/meanwhile")
    following = aiter(emulator.recorder.follow(last))
    assert [call.path for call in await anext(following)] == ["/storage/v1/b/meanwhile"]
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/after")
    assert [call.path for call in await waiting] == ["/storage/v1/b/after"]
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b/later")
    assert [call.path for call in await anext(following)] == ["/storage/v1/b/later"]


def _call(size: int) -> RecordedCall:
    return RecordedCall(0, 0.0, "GET", "h", "/", "", "", answered=b"x" * size)


@given(st.lists(st.integers(0, 40), max_size=60))
def test_the_latest_are_kept_that_there_is_room_for(sizes: list[int]) -> None:
    recorder = Recorder(most_calls=10, most_bytes=100)
    for size in sizes:
        recorder.end(_call(size), None)
    kept = recorder.calls
    assert [call.number for call in kept] == list(range(len(sizes) - len(kept) + 1, len(sizes) + 1))
    assert recorder.dropped == len(sizes) - len(kept)
    assert len(kept) <= 10
    assert sum(call.kept for call in kept) <= 100
    older = sizes[: len(sizes) - len(kept)]
    if older and len(kept) < 10:
        assert older[-1] + sum(call.kept for call in kept) > 100
    assert all(recorder.find(call.number) is call for call in kept)


def test_a_host_that_nobody_serves_is_kept(emulator) -> None:
    emulator.recorder.refused("pypi.org", 443)
    [call] = emulator.recorder.calls
    assert (call.http_method, call.host, call.status) == ("CONNECT", "pypi.org", 403)
    assert "offline" in str(call.failure)
