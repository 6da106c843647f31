"""``entries.write``: what a job's program writes is in the log of the job, what others write is kept and listed."""

import json
from datetime import UTC, datetime

import pytest

from cloud.backends.memory import MemoryBackend
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.emulator.logging_v2.written import LARGEST
from cloud.emulator.mounts import RequestSource
from cloud.engine.jobs.logs import JobLog
from cloud.engine.project.identities import ml_service_account, owner
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity
from cloud.testing.client import Client
from emulator_api.backends import memory_backend
from emulator_api.clients import Served

LOG = "projects/my-project/logs/python"


@pytest.fixture
async def backend() -> MemoryBackend:
    backend = memory_backend()
    await backend.submit_job(TrainingSpec("job_0", (GsUri("bucket", "x.tar.gz"),), "x.task"))
    backend.logs["job_0"] = []
    return backend


@pytest.fixture
def logging(backend: MemoryBackend, tmp_path) -> Served:
    return Served(LoggingV2(backend, project_number=123, written=JobLog(tmp_path / "entries.jsonl")))


async def call(
    logging: Served, method: str, body: dict, source: RequestSource | None = None, *, status: int = 200
) -> dict:
    token = logging.tokens.current(source.principal if source else owner("my-project")).value
    handler = logging.emulator.protocols(source) if source else logging.emulator
    async with Client(handler, host="logging.googleapis.com", token=token) as client:
        answer = await client.request("POST", f"/v2/entries:{method}", body=json.dumps(body).encode())
    assert answer.status == status, answer.text
    return answer.json()


async def listed(logging: Served, filter_: str = "") -> list[dict]:
    body = {"resourceNames": ["projects/my-project"], "filter": filter_}
    return (await call(logging, "list", body)).get("entries", [])


def entry(**fields: object) -> dict:
    return {"logName": LOG, "resource": {"type": "global"}, **fields}


async def test_a_jobs_entries_are_in_its_log(logging: Served, backend: MemoryBackend) -> None:
    source = RequestSource(ml_service_account("my-project"), write_log=backend.logs["job_0"].append)
    body = {
        "logName": "projects/123/logs/python",
        "resource": {"type": "gce_instance", "labels": {"zone": "z"}},
        "labels": {"a": "1", "b": "1"},
        "entries": [
            {"textPayload": "two\nlines", "severity": "NOTICE", "labels": {"b": "2"}},
            {"jsonPayload": {"message": "step", "loss": 0.5}, "severity": 500, "trace": "t"},
        ],
    }
    assert await call(logging, "write", body, source) == {}
    assert [(one.severity, one.message) for one in backend.logs["job_0"]] == [
        (Severity.NOTICE, "two\nlines"),
        (Severity.ERROR, "step"),
    ]
    text, structured = await listed(logging, 'resource.type="ml_job" resource.labels.job_id="job_0"')
    assert (text["textPayload"], text["severity"], text["logName"]) == ("two\nlines", "NOTICE", LOG)
    assert {"a": "1", "b": "2", "ml.googleapis.com/job_id": "job_0"}.items() <= text["labels"].items()
    assert structured["jsonPayload"] == {"message": "step", "loss": 0.5}
    assert (structured["trace"], structured["resource"]["labels"]["job_id"]) == ("t", "job_0")
    assert await listed(logging, 'jsonPayload.loss<1 severity>=ERROR log_id("python")') == [structured]


async def test_others_entries_are_kept(logging: Served, backend: MemoryBackend, tmp_path) -> None:
    backend.logs["job_0"].append(LogEntry(datetime(2026, 1, 1, tzinfo=UTC), Severity.INFO, "master-replica-0", "line"))
    resource = {"type": "generic_task", "labels": {"job": "x"}}
    written = [entry(textPayload="first", timestamp="2025-01-01T00:00:00.5Z"), entry(resource=resource)]
    await call(logging, "write", {"entries": written})
    # In a cloud that is started again.
    logging = Served(LoggingV2(backend, project_number=123, written=JobLog(tmp_path / "entries.jsonl")))
    first, line, last = await listed(logging)
    assert (first["textPayload"], first["timestamp"]) == ("first", "2025-01-01T00:00:00.500000Z")
    assert (first["severity"], first["resource"]) == ("DEFAULT", {"type": "global", "labels": {}})
    assert line["jsonPayload"]["message"] == "line"
    assert last["resource"] == resource


async def test_an_entry_of_a_named_job_is_listed_with_it(logging: Served) -> None:
    labels = {"job_id": "job_0", "task_name": "worker-replica-1"}
    await call(logging, "write", {"entries": [entry(textPayload="x", resource={"type": "ml_job", "labels": labels})]})
    [found] = await listed(logging, 'resource.type="ml_job" resource.labels.job_id="job_0"')
    assert found["textPayload"] == "x"


async def test_a_dry_run_and_an_empty_list_write_nothing(logging: Served) -> None:
    assert await call(logging, "write", {"entries": [entry(textPayload="x")], "dryRun": True}) == {}
    assert await call(logging, "write", {"logName": LOG}) == {}
    assert await listed(logging) == []


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"logName": "python"}, 400, "not a name of a log"),
        ({"logName": ""}, 400, "not a name of a log"),
        ({"logName": "projects/other/logs/python"}, 403, "logging.logEntries.create"),
        ({"severity": "LOUD"}, 400, "LOUD"),
        ({"timestamp": "noon"}, 400, "Illegal timestamp format"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, 400, "timestamp"),
        ({"textPayload": "x" * LARGEST}, 400, "exceeds maximum size"),
    ],
)
async def test_what_is_refused(logging: Served, fields: dict, status: int, says: str) -> None:
    good = entry(textPayload="good")
    answer = await call(logging, "write", {"entries": [good, entry(**fields)]}, status=status)
    assert says in json.dumps(answer)
    assert await listed(logging) == []


async def test_the_valid_part_is_written_if_that_is_wanted(logging: Served) -> None:
    entries = [entry(logName="python"), entry(textPayload="good")]
    await call(logging, "write", {"entries": entries, "partialSuccess": True}, status=400)
    assert [found["textPayload"] for found in await listed(logging)] == ["good"]


async def test_an_account_without_a_job_may_not_write(logging: Served) -> None:
    source = RequestSource(ml_service_account("my-project"))
    answer = await call(logging, "write", {"entries": [entry(textPayload="x")]}, source, status=403)
    assert "logging.logEntries.create" in answer["error"]["message"]
