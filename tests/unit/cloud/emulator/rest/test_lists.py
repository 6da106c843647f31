import asyncio
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.memory import MemoryBackend
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.lists import list_page, of_items
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobEvent
from cloud.wire.ml_v1 import job_spec
from emulator_api.api_client import OWNER
from emulator_api.ml_api import Api
from emulator_api.ml_requests import training_job

ML = load("ml.v1")


async def page(items, **query):
    method = ML.methods["ml.projects.models.list"]
    call = Call(method, "projects/p", query, {}, b"", OWNER, "ml.googleapis.com", ML.schemas)
    found = await list_page(call, "models", of_items(items, str, lambda item: {"name": item}))
    return [item["name"] for item in found.get("models", ())], found.get("nextPageToken", "")


def walk(items, size, change=lambda items: items):
    async def walked(items):
        seen, token = [], ""
        while True:
            shown, token = await page(items, pageSize=size, pageToken=token)
            assert len(shown) <= (size or 20)
            seen += shown
            if not token:
                return seen
            items = change(items)

    return asyncio.run(walked(items))


@given(st.sets(st.text(min_size=1, max_size=3), max_size=30), st.integers(0, 7))
def test_the_pages_are_the_list(items, size):
    assert walk(sorted(items), size) == sorted(items)


def test_an_item_that_goes_meanwhile_takes_no_other_with_it():
    items = [f"{number:02}" for number in range(12)]
    seen = walk(items, 3, lambda items: items[3:])  # what was shown is deleted
    assert seen == items


async def test_a_size_has_a_default_and_a_limit():
    items = sorted(str(number) for number in range(200))
    sizes = [len((await page(items, pageSize=size))[0]) for size in (0, 1, 100, 101, 2**31 - 1)]
    assert sizes == [20, 1, 100, 100, 100]
    with pytest.raises(InvalidArgument, match="negative"):
        await page(items, pageSize=-1)


@given(st.text(min_size=1, max_size=20))
def test_what_is_no_token(token):
    with pytest.raises(InvalidArgument) as caught:
        asyncio.run(page(["a"], pageToken=token))
    assert caught.value.field == "page_token"


class CountingBackend(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self.read = self.calls = 0

    async def list_jobs(self, **given):
        found = await super().list_jobs(**given)
        self.read += len(found)
        self.calls += 1
        return found


@pytest.fixture
async def many_jobs(tmp_path):
    api = Api(CountingBackend(), tmp_path)
    for number in range(500):
        await api.backend.submit_job(job_spec(training_job(f"j{number}")))
    yield api
    await api.emulated.close()


async def test_a_page_reads_no_more_jobs_than_it_needs(many_jobs):
    answer = await many_jobs.ask("GET", "/jobs?pageSize=100")
    assert [job["jobId"] for job in answer["jobs"][:2]] == ["j499", "j498"]
    assert answer["jobs"][0]["jobPosition"] == "500"
    assert many_jobs.backend.read == 101
    many_jobs.backend.read = 0
    after = await many_jobs.ask("GET", f"/jobs?pageSize=100&pageToken={answer['nextPageToken']}")
    assert after["jobs"][0]["jobId"] == "j399"
    assert many_jobs.backend.read == 101


async def test_a_backend_that_reads_all_jobs_each_time_is_called_once(many_jobs):
    many_jobs.backend.abilities = replace(MemoryBackend.abilities, lists_in_parts=False)
    pages, token = [], ""
    for number in range(1, 6):
        answer = await many_jobs.ask("GET", f"/jobs?pageSize=100&pageToken={token}")
        assert many_jobs.backend.calls == number
        pages += answer["jobs"]
        token = answer.get("nextPageToken", "")
    assert [job["jobId"] for job in pages] == [f"j{number}" for number in reversed(range(500))]
    assert not token
    assert await many_jobs.ask("GET", "/jobs?filter=jobId:nobody") == {}
    assert many_jobs.backend.calls == 6


async def test_a_filter_that_fixes_the_state_reads_only_jobs_in_that_state(many_jobs):
    for job in ("j3", "j77"):
        many_jobs.backend.move(job, JobEvent.SCHEDULED, JobEvent.STARTED)
    found = await many_jobs.ask("GET", "/jobs?filter=state:RUNNING%20AND%20jobId:j*")
    assert [job["jobId"] for job in found["jobs"]] == ["j77", "j3"]
    assert many_jobs.backend.read == 2
    assert await many_jobs.ask("GET", "/jobs?filter=state:NO_SUCH_STATE") == {}


async def test_other_clients_are_served_while_a_list_is_searched(many_jobs):
    longest, before = 0.0, time.thread_time()

    async def watch():
        nonlocal longest, before
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, before = max(longest, now - before), now

    watching = asyncio.create_task(watch())
    turns = await many_jobs.ask("GET", "/jobs?filter=jobId:nobody")
    watching.cancel()
    assert turns == {}
    assert longest < 0.05  # seconds of processor, which other programs of the machine do not change
