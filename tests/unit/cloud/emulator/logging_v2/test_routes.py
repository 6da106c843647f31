"""``entries.list`` over a backend in memory, without a socket."""

import json
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request

from cloud.backends.memory import MemoryBackend
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.emulator.oauth2.tokens import ml_service_account, owner
from cloud.engine.principal import ANONYMOUS, Principal
from cloud.errors import CloudError, InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from cloud.names import GsUri
from cloud.resources import LogEntry, Service, Severity, TrainingSpec

ME = owner("my-project")
START = datetime(2018, 8, 29, 13, 25, tzinfo=UTC)
PROJECT = {"resourceNames": ["projects/my-project"]}


@pytest.fixture
async def backend() -> MemoryBackend:
    backend = MemoryBackend()
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
def logging(backend: MemoryBackend) -> LoggingV2:
    return LoggingV2(backend, project_number=123)


def request(body: object, method: str = "POST", path: str = "/v2/entries:list") -> web.Request:
    payload = StreamReader(mock.Mock(), 2**16)
    payload.feed_data(body if isinstance(body, bytes) else json.dumps(body).encode())
    payload.feed_eof()
    return make_mocked_request(method, path, {"Host": "logging.googleapis.com"}, payload=payload)


async def ask(logging: LoggingV2, **body: object) -> dict:
    answer = await logging.handle(request(PROJECT | body), ME)
    assert isinstance(answer, web.Response)
    return json.loads(answer.body)


def messages(answer: dict) -> list[str]:
    return [entry["jsonPayload"]["message"] for entry in answer.get("entries", [])]


async def test_pages_of_all_jobs_oldest_first(logging: LoggingV2) -> None:
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


async def test_newest_first(logging: LoggingV2) -> None:
    answer = await ask(logging, orderBy="timestamp desc", pageSize=2, filter="resource.labels.job_id=job_0")
    assert messages(answer) == ["line 59 of 0", "line 58 of 0"]


async def test_lines_of_one_moment_keep_their_order(logging: LoggingV2) -> None:
    answer = await ask(logging, filter="resource.labels.job_id=job_1", pageSize=1000)
    assert messages(answer) == [f"line {line} of 1" for line in range(60)]


async def test_a_client_goes_on_where_it_was_as_gcloud_does(logging: LoggingV2) -> None:
    last = (await ask(logging, pageSize=7, filter="resource.labels.job_id=job_0"))["entries"][-1]
    after = f'((timestamp="{last["timestamp"]}" AND insertId>"{last["insertId"]}") OR timestamp>"{last["timestamp"]}")'
    answer = await ask(logging, pageSize=1000, filter=f"resource.labels.job_id=job_0 AND {after}")
    assert messages(answer) == [f"line {line} of 0" for line in range(7, 60)]


async def test_only_logs_that_can_hold_what_is_wanted_are_read(logging: LoggingV2, backend: MemoryBackend) -> None:
    with mock.patch.object(backend, "read_logs", wraps=backend.read_logs) as read:
        await ask(logging, filter='resource.type="ml_job" AND resource.labels.job_id="job_1"')
    assert {call.args[0] for call in read.call_args_list} == {"job_1"}


async def test_nothing_found_is_an_empty_answer(logging: LoggingV2) -> None:
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
async def test_the_project_by_its_other_names(logging: LoggingV2, names: dict) -> None:
    assert isinstance(await logging.handle(request(names), ME), web.Response)


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
async def test_a_bad_request_is_googles_error(logging: LoggingV2, body: object, error: type[CloudError]) -> None:
    with pytest.raises(error):
        await logging.handle(request(body), ME)


async def test_a_page_token_is_for_one_filter_only(logging: LoggingV2) -> None:
    token = (await ask(logging, pageSize=1))["nextPageToken"]
    with pytest.raises(InvalidArgument, match="page_token doesn't match"):
        await ask(logging, pageToken=token, filter="severity=INFO")


@pytest.mark.parametrize(
    ("who", "error"), [(ANONYMOUS, Unauthenticated), (ml_service_account("my-project"), PermissionDenied)], ids=str
)
async def test_who_may_not_read_logs(logging: LoggingV2, who: Principal, error: type[CloudError]) -> None:
    with pytest.raises(error):
        await logging.handle(request(PROJECT), who)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/entries:list"), ("POST", "/v2/entries:write"), ("POST", "/")]
)
async def test_no_other_method(logging: LoggingV2, method: str, path: str) -> None:
    with pytest.raises(NotFound):
        await logging.handle(request({}, method, path), ME)


async def test_fields_and_layout(logging: LoggingV2) -> None:
    path = "/v2/entries:list?fields=entries/severity&prettyPrint=false"
    answer = await logging.handle(request(PROJECT | {"pageSize": 1}, path=path), ME)
    assert isinstance(answer, web.Response)
    assert answer.body == b'{"entries":[{"severity":"INFO"}]}'


async def test_a_job_of_vertex_ai_is_found_by_its_number(backend: MemoryBackend, logging: LoggingV2) -> None:
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
