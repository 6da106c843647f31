"""Pages against what sorting all entries of all jobs would give."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.memory import MemoryBackend
from cloud.emulator.logging_v2 import pages
from cloud.emulator.logging_v2.messages import entry_json, key_of, read_query
from cloud.emulator.logging_v2.pages import JobIds, read_page
from cloud.names import GsUri
from cloud.resources import Json, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity

START = datetime(2018, 8, 29, 13, 25, tzinfo=UTC)
JOBS = ("job_0", "JOB_0", "other")
ENTRIES = st.builds(
    LogEntry,
    timestamp=st.integers(0, 5).map(lambda seconds: START + timedelta(seconds=seconds)),
    severity=st.sampled_from([Severity.INFO, Severity.ERROR]),
    task_name=st.sampled_from(["service", "master-replica-0"]),
    message=st.sampled_from(["a", "b"]),
)
PARTS = st.sampled_from(
    [
        "severity>=ERROR",
        'resource.labels.job_id="job_0"',
        'labels."ml.googleapis.com/job_id"=(JOB_0 OR other)',
        *(f'timestamp{mark}"2018-08-29T13:25:0{second}Z"' for mark in (">", ">=", "<", "<=", "=") for second in (0, 3)),
        'timestamp>"2018-08-29T13:25:02.9999999Z"',
        "a",
    ]
)
FILTERS = st.recursive(
    PARTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map(lambda drawn: f"({''.join(drawn)})"),
        inner.map(lambda text: f"NOT {text}"),
    ),
    max_leaves=4,
)


async def backend_of(logs: dict[str, list[LogEntry]]) -> MemoryBackend:
    backend = MemoryBackend()
    for job_id, log in logs.items():
        await backend.submit_job(TrainingSpec(job_id, (GsUri("bucket", "x.tar.gz"),), "x.task"))
        backend.logs[job_id] = log
    return backend


def everything(logs: dict[str, list[LogEntry]], wanted: Callable[[Json], object], *, newest_first: bool) -> list[Json]:
    found = [
        entry_json("my-project", job_id, key_of(job_id, entry), entry)
        for job_id, log in logs.items()
        for entry in (
            LogEntry(each.timestamp, each.severity, each.task_name, each.message, place)
            for place, each in enumerate(log)
        )
    ]
    found.sort(key=lambda entry: (entry["timestamp"], entry["insertId"]), reverse=newest_first)
    return [entry for entry in found if wanted(entry)]


@given(
    st.fixed_dictionaries({job_id: st.lists(ENTRIES, max_size=12) for job_id in JOBS}),
    st.just("") | FILTERS,
    st.booleans(),
    st.integers(1, 5),
    st.integers(1, 4),
)
async def test_pages_are_what_sorting_everything_would_give(
    logs: dict[str, list[LogEntry]], text: str, newest_first: bool, size: int, chunk: int
) -> None:
    backend, token, seen = await backend_of(logs), "", list[Json]()
    ids = JobIds(backend)
    body = {"resourceNames": ["projects/my-project"], "filter": text, "pageSize": size}
    if newest_first:
        body["orderBy"] = "timestamp desc"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "_CHUNK", chunk)
        while True:
            query = read_query(body | {"pageToken": token}, "my-project", 1)
            page, more = await read_page(backend, ids, query)
            seen += page
            assert len(page) == size if more else len(page) <= size
            if not more:
                break
            token = query.token(page[-1])
    assert seen == everything(logs, query.wanted, newest_first=newest_first)


async def test_only_new_jobs_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = await backend_of({f"job_{number}": [] for number in range(250)})
    ids = JobIds(backend)
    assert sorted(await ids.matching(None)) == sorted(backend.jobs)
    listed = list[int]()
    list_jobs = backend.list_jobs

    async def counted(**options: object) -> object:
        found = await list_jobs(**options)  # type: ignore[arg-type]
        listed.append(len(found))
        return found

    monkeypatch.setattr(backend, "list_jobs", counted)
    await backend.submit_job(TrainingSpec("Job_7", (GsUri("bucket", "x.tar.gz"),), "x.task"))
    assert await ids.matching(frozenset({"job_7"})) == ["job_7", "Job_7"]
    assert listed == [10]
    assert await ids.matching(frozenset({"nobody"})) == []


async def test_a_job_that_has_gone_has_no_entries() -> None:
    backend = await backend_of({"one": [LogEntry(START, Severity.INFO, "service", "a")]})
    ids = JobIds(backend)
    query = read_query({"resourceNames": ["projects/my-project"]}, "my-project", 1)
    assert len((await read_page(backend, ids, query))[0]) == 1
    del backend.jobs["one"]
    assert await read_page(backend, ids, query) == ([], False)
