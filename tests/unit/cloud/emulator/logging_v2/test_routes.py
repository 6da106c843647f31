"""``entries.list`` over a backend in memory, without a socket."""

import json
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from cloud.backends.memory import MemoryBackend
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.engine.principal import ANONYMOUS, Principal
from cloud.engine.project.identities import ml_service_account, owner
from cloud.errors import CloudError, InvalidArgument, PermissionDenied, Unauthenticated
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity
from cloud.testing.client import Response
from emulator_api.backends import memory_backend
from emulator_api.clients import Served

ME = owner("my-project")
START = datetime(2018, 8, 29, 13, 25, tzinfo=UTC)
PROJECT = {"resourceNames": ["projects/my-project"]}


@pytest.fixture
async def backend() -> MemoryBackend:
    backend = memory_backend()
    for job in range(2):
        await backend.submit_job(TrainingSpec(f"job_{job}", (GsUri("bucket", "x.tar.gz"),), "x.task"))
        backend.logs[f"job_{job}"] = [
            # Two at each moment.
            LogEntry(
                START + timedelta(seconds=line // 2 + job), Severity.INFO, "master-replica-0", f"line {line} of {job}"
            )
            for line in range(60)
        ]
    return backend


@pytest.fixture
def logging(backend: MemoryBackend) -> Served:
    return Served(LoggingV2(backend, project_number=123))


async def send(
    logging: Served, body: object, method: str = "POST", path: str = "/v2/entries:list", *, principal: Principal = ME
) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with logging.client(principal, "logging.googleapis.com") as client:
        return await client.request(method, path, body=content)


async def ask(logging: Served, **body: object) -> dict:
    answer = await send(logging, PROJECT | body)
    assert answer.status == 200, answer.text
    return answer.json()


def refused(answer: Response, error: type[CloudError]) -> str:
    """Its message."""
    refusal = answer.json()["error"]
    assert (answer.status, refusal["status"]) == (error.http_status, error.code)
    return refusal["message"]


def messages(answer: dict) -> list[str]:
    return [entry["jsonPayload"]["message"] for entry in answer.get("entries", [])]


async def test_pages_of_all_jobs_oldest_first(logging: Served) -> None:
    seen, token, sizes = [], "", []
    while True:
        answer = await ask(logging, pageSize=50, pageToken=token)
        seen += answer["entries"]
        sizes.append(len(answer["entries"]))
        token = answer.get("nextPageToken", "")
        if not token:
            break
    assert sizes == [50, 50, 20]
    times = [entry["timestamp"] for entry in seen]
    assert times == sorted(times)
    assert len({entry["insertId"] for entry in seen}) == 120


async def test_newest_first(logging: Served) -> None:
    answer = await ask(logging, orderBy="timestamp desc", pageSize=2, filter="resource.labels.job_id=job_0")
    assert messages(answer) == ["line 59 of 0", "line 58 of 0"]


async def test_lines_of_one_moment_keep_their_order(logging: Served) -> None:
    answer = await ask(logging, filter="resource.labels.job_id=job_1", pageSize=1000)
    assert messages(answer) == [f"line {line} of 1" for line in range(60)]


async def test_a_client_goes_on_where_it_was_as_gcloud_does(logging: Served) -> None:
    last = (await ask(logging, pageSize=7, filter="resource.labels.job_id=job_0"))["entries"][-1]
    after = f'((timestamp="{last["timestamp"]}" AND insertId>"{last["insertId"]}") OR timestamp>"{last["timestamp"]}")'
    answer = await ask(logging, pageSize=1000, filter=f"resource.labels.job_id=job_0 AND {after}")
    assert messages(answer) == [f"line {line} of 0" for line in range(7, 60)]


async def test_only_logs_that_can_hold_what_is_wanted_are_read(logging: Served, backend: MemoryBackend) -> None:
    with mock.patch.object(backend, "read_logs", wraps=backend.read_logs) as read:
        await ask(logging, filter='resource.type="ml_job" AND resource.labels.job_id="job_1"')
    assert {call.args[0] for call in read.call_args_list} == {"job_1"}


async def test_nothing_found_is_an_empty_answer(logging: Served) -> None:
    assert await ask(logging, filter="severity=ERROR") == {}


@pytest.mark.parametrize(
    "names",
    [
        {"resourceNames": ["projects/123"]},
        {"projectIds": ["my-project"]},
        {"resource_names": ["projects/my-project/locations/global/buckets/_Default/views/_AllLogs"]},
    ],
    ids=str,
)
async def test_the_project_by_its_other_names(logging: Served, names: dict) -> None:
    assert (await send(logging, names)).status == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, InvalidArgument),
        ({"resourceNames": ["my-project"]}, InvalidArgument),
        ({"resourceNames": ["projects/other"]}, PermissionDenied),
        ({"resourceNames": ["folders/1"]}, PermissionDenied),
        (PROJECT | {"color": "red"}, InvalidArgument),
        (PROJECT | {"pageSize": "many"}, InvalidArgument),
        (PROJECT | {"pageSize": -1}, InvalidArgument),
        (PROJECT | {"orderBy": "severity"}, InvalidArgument),
        (PROJECT | {"filter": "("}, InvalidArgument),
        (PROJECT | {"pageToken": "nonsense"}, InvalidArgument),
        (PROJECT | {"pageToken": "ü"}, InvalidArgument),
        (b"{", InvalidArgument),
        (b"[]", InvalidArgument),
    ],
    ids=str,
)
async def test_a_bad_request_is_googles_error(logging: Served, body: object, error: type[CloudError]) -> None:
    refused(await send(logging, body), error)


async def test_a_page_token_is_for_one_filter_only(logging: Served) -> None:
    token = (await ask(logging, pageSize=1))["nextPageToken"]
    answer = await send(logging, PROJECT | {"pageToken": token, "filter": "severity=INFO"})
    assert "page_token doesn't match" in refused(answer, InvalidArgument)


@pytest.mark.parametrize(
    ("who", "error"), [(ANONYMOUS, Unauthenticated), (ml_service_account("my-project"), PermissionDenied)], ids=str
)
async def test_who_may_not_read_logs(logging: Served, who: Principal, error: type[CloudError]) -> None:
    refused(await send(logging, PROJECT, principal=who), error)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v2/entries:list", 404), ("GET", "/v2/projects/my-project/logs", 403), ("POST", "/", 404)],
)
async def test_no_other_method(logging: Served, method: str, path: str, status: int) -> None:
    assert (await send(logging, {}, method, path)).status == status


async def test_fields_and_layout(logging: Served) -> None:
    path = "/v2/entries:list?fields=entries/severity&prettyPrint=false"
    answer = await send(logging, PROJECT | {"pageSize": 1}, path=path)
    assert answer.body == b'{"entries":[{"severity":"INFO"}]}'


async def test_a_job_of_vertex_ai_is_found_by_its_number(backend: MemoryBackend, logging: Served) -> None:
    await backend.submit_job(TrainingSpec("4026903526469795840", (), "x.task", service=Service.VERTEX_AI))
    backend.logs["4026903526469795840"] = [
        LogEntry(START, Severity.INFO, "service", "Job is running."),
        LogEntry(START, Severity.INFO, "workerpool0-0", "from the primary"),
        LogEntry(START, Severity.INFO, "workerpool1-0", "from a worker"),
    ]
    job = 'resource.type="ml_job" AND resource.labels.job_id="4026903526469795840"'
    assert len((await ask(logging, filter=job))["entries"]) == 3
    answer = await ask(logging, filter=f'{job} AND resource.labels.task_name="workerpool0-0"')
    assert messages(answer) == ["from the primary"]
