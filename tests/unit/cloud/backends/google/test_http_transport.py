"""Requests that fail. A scripted server stands in for Google and records the requests it received."""

import asyncio
import json
from dataclasses import dataclass, field

import httplib2
import pytest

from cloud.backends.google.http_transport import HttpTransport
from cloud.backends.google.network import Identity
from cloud.errors import (
    AlreadyExists,
    FailedPrecondition,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from cloud.gcs.backoff import Retries

CUT = ConnectionResetError("cut")
JOB = {"jobId": "j"}


def error(status: int, name: str = "", **more: object) -> tuple[int, dict[str, str], dict[str, object]]:
    return status, {}, {"error": {"code": status, "message": f"says {status}", "status": name, **more}}


@dataclass
class Google:
    """Returns or raises the outcomes of ``script`` in order."""

    script: list[object]
    received: list[tuple[str, str, str | None]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    renewed: int = 0

    def http(self) -> "Google":
        return self

    def request(self, url, method, body, headers):
        self.received.append((method, headers["Authorization"], body))
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        status, response_headers, content = outcome
        return httplib2.Response({"status": str(status), **response_headers}), json.dumps(content).encode()

    def close(self) -> None:
        pass

    # -- credentials
    valid = True

    @property
    def token(self) -> str:
        return f"token-{self.renewed}"

    def refresh(self, _request) -> None:
        self.renewed += 1

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def google():
    return Google([])


@pytest.fixture
async def transport(google):
    transport = HttpTransport(
        "us-central1",
        identity=Identity(google, google),
        network=google,
        retries=Retries(attempts=4, first=1, longest=4),
        sleep=google.sleep,
    )
    yield transport
    await transport.close()


async def create(transport, find_existing=None):
    return await transport.send("ml.projects.jobs.create", {"parent": "projects/p"}, JOB, find_existing=find_existing)


async def get(transport):
    return await transport.send("ml.projects.jobs.get", {"name": "projects/p/jobs/j"})


@pytest.mark.parametrize(
    "failure", [CUT, TimeoutError("silence"), error(503), error(500), error(429), error(504)], ids=str
)
async def test_transient_failures_are_retried(google, transport, failure):
    google.script = [failure, failure, (200, {}, {"state": "QUEUED"})]
    assert await get(transport) == {"state": "QUEUED"}
    assert len(google.pauses) == 2
    assert 0.5 <= google.pauses[0] <= 1 <= google.pauses[1] <= 2


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (error(403), PermissionDenied),
        (error(400, "FAILED_PRECONDITION"), FailedPrecondition),
        (error(409), AlreadyExists),
    ],
    ids=str,
)
async def test_other_failures_are_raised_at_once(google, transport, failure, kind):
    google.script = [failure]
    with pytest.raises(kind, match=f"says {failure[0]}"):
        await get(transport)
    assert google.pauses == []


async def test_retries_are_limited(google, transport):
    google.script = [error(503)] * 4
    with pytest.raises(Unavailable, match="says 503"):
        await get(transport)
    assert (len(google.received), len(google.pauses)) == (4, 3)


async def test_retry_after_is_honoured_unless_it_is_too_long(google, transport):
    google.script = [(429, {"retry-after": "17"}, {}), (200, {}, {})]
    await get(transport)
    assert google.pauses == [17]
    google.script = [(429, {"retry-after": "9000"}, {})]
    with pytest.raises(ResourceExhausted):
        await get(transport)
    assert google.pauses == [17]


async def test_an_exceeded_quota_is_raised_at_once(google, transport):
    quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure"}
    google.script = [error(429, "RESOURCE_EXHAUSTED", details=[quota])]
    with pytest.raises(ResourceExhausted):
        await create(transport)
    assert google.pauses == []


async def test_nothing_is_created_twice_when_the_response_is_lost(google, transport):
    google.script = [CUT]

    async def find_existing():
        return {"jobId": "j", "state": "RUNNING"}

    assert (await create(transport, find_existing))["state"] == "RUNNING"
    assert len(google.received) == 1


async def test_a_request_that_was_not_accepted_is_sent_again(google, transport):
    google.script = [CUT, (200, {}, {"state": "QUEUED"})]

    async def find_existing():
        return None

    assert (await create(transport, find_existing))["state"] == "QUEUED"
    assert [body for _, _, body in google.received] == [json.dumps(JOB)] * 2


async def test_already_exists_is_success_only_for_our_own_resource(google, transport):
    existing = iter([None, {"jobId": "j"}, None, None])

    async def find_existing():
        return next(existing)

    google.script = [CUT, error(409)]
    assert await create(transport, find_existing) == {"jobId": "j"}
    google.script = [CUT, error(409)]
    with pytest.raises(AlreadyExists):
        await create(transport, find_existing)


async def test_a_last_attempt_may_have_been_accepted(google, transport):
    google.script = [CUT] * 4
    lookups = []

    async def find_existing():
        lookups.append(len(google.received))
        return {"jobId": "j"} if len(google.received) == 4 else None

    assert await create(transport, find_existing) == {"jobId": "j"}
    assert lookups == [1, 2, 3, 4]


async def test_repeating_a_deletion_is_success(google, transport):
    google.script = [CUT, error(404)]
    assert await transport.send("ml.projects.models.delete", {"name": "projects/p/models/m"}) == {"done": True}


async def test_a_refused_token_is_renewed_once(google, transport):
    google.script = [error(401), (200, {}, {})]
    await get(transport)
    assert [token for _, token, _ in google.received] == ["Bearer token-0", "Bearer token-1"]
    google.script = [error(401), error(401)]
    with pytest.raises(Unauthenticated):
        await get(transport)


async def test_cancellation_waits_for_the_request_in_flight(google, transport):
    began, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(url, method, body, headers):
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        google.received.append((method, "", body))
        return httplib2.Response({"status": "200"}), b"{}"

    google.request = slow
    task = asyncio.create_task(create(transport))
    await began.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(google.received) == 1


async def test_pages_are_concatenated(google, transport):
    google.script = [(200, {}, {"jobs": [1], "nextPageToken": "t"}), (200, {}, {"jobs": [2]})]
    assert await transport.pages("ml.projects.jobs.list", {"parent": "projects/p"}, "jobs") == [1, 2]


@pytest.mark.parametrize(
    ("status", "content"), [(200, {"predictions": [1]}), (400, {"error": "does not fit"}), (501, {"error": "half"})]
)
async def test_a_model_servers_answer_to_a_raw_body_is_returned_whatever_its_status(google, transport, status, content):
    google.script = [CUT, (status, {}, content)]
    answer = await transport.send("aiplatform.projects.locations.endpoints.rawPredict", {"endpoint": "e"}, b"NaN")
    assert (answer.status, json.loads(answer.content)) == (status, content)
    assert [body for _, _, body in google.received] == [b"NaN", b"NaN"]


async def test_googles_own_refusal_of_a_raw_body_is_raised(google, transport):
    google.script = [error(403)]
    with pytest.raises(PermissionDenied):
        await transport.send("ml.projects.predict", {"name": "projects/p/models/m"}, b"{}")
