"""Jobs: the list and one job's page, which show what happens as it happens."""

import re
import time
from pathlib import Path

import pytest
from console.pages import HOSTILE, Pages
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job
from cloud.server.thread import BackgroundCloud
from cloud.testing.contract.base import Contract
from cloud.wire.tf_records import write_record

SPEAKS = f"""
import sys, time
print("hello", {HOSTILE!r}, flush=True)
time.sleep(0.1)
print("failed call to cuInit: UNKNOWN ERROR (303)", file=sys.stderr, flush=True)
print("Could not find cuda drivers on your machine, GPU will not be used.", file=sys.stderr, flush=True)
time.sleep(0.1)
print("ready", flush=True)
time.sleep(3600)
"""


@pytest.fixture
def running(cloud: BackgroundCloud, bucket: str, tmp_path: Path) -> Job:
    """A job that prints what it has to say, and runs."""
    return cloud.run(Contract().submit(cloud.backend, bucket, tmp_path, SPEAKS))


def summaries(*losses: float) -> bytes:
    events = [
        Event(wall_time=time.time(), step=step, summary=Summary(value=[Summary.Value(tag="loss", simple_value=loss)]))
        for step, loss in enumerate(losses, 1)
    ]
    return b"".join(write_record(event.SerializeToString()) for event in events)


def test_a_running_job_shows_its_log_and_curve_and_is_cancelled(
    pages: Pages, cloud: BackgroundCloud, bucket: str, running: Job
) -> None:
    page, backend = pages.page, cloud.backend
    pages.open("/jobs")
    row = page.get_by_role("row", name=running.job_id)
    row.get_by_text("RUNNING").wait_for()
    row.get_by_role("link").click()

    page.get_by_text(f"hello {HOSTILE}").wait_for()
    page.get_by_text("ready").wait_for()
    folded = page.locator("#log details")
    assert folded.locator("div").count() == 2
    assert not folded.get_by_text("cuInit").is_visible()
    folded.locator("summary").click()
    assert folded.get_by_text("cuInit").is_visible()

    assert page.locator("figure").count() == 0
    file = GsUri(bucket, f"jobs/{running.job_id}/train/events.out.tfevents.1.x")
    cloud.run(backend.write_object(file, summaries(8.0, 4.0)))
    page.locator("figure", has_text="loss").get_by_text("train 4 step 2").wait_for()
    cloud.run(backend.write_object(file, summaries(8.0, 4.0, 2.5)))
    page.locator("figure", has_text="loss").get_by_text("train 2.5 step 3").wait_for()
    path = page.locator(".chart > svg .curve").get_attribute("d") or ""
    assert re.fullmatch(r"M[\d.]+ [\d.]+(L[\d.]+ [\d.]+){2}", path)

    page.get_by_role("button", name="Cancel the job").click()
    page.locator("#status", has_text="CANCELLED").wait_for()
    page.get_by_role("button", name="Cancel the job").wait_for(state="detached")
    assert cloud.run(backend.get_job(running.job_id)).state is JobState.CANCELLED
    page.get_by_text("Job cancelled.").wait_for()
    texts = page.locator("#log .text").all_inner_texts()
    assert len(texts) == len(cloud.run(backend.read_logs(running.job_id))), "each line once"
    pages.open("/jobs")
    assert "CANCELLED" in page.get_by_role("row", name=running.job_id).inner_text()


def test_the_list_grows_before_ones_eyes(pages: Pages, cloud: BackgroundCloud, bucket: str, tmp_path: Path) -> None:
    pages.open("/jobs")
    job = cloud.run(Contract().submit(cloud.backend, bucket, tmp_path, "print('done')"))
    row = pages.page.get_by_role("row", name=job.job_id)
    row.get_by_text("SUCCEEDED").wait_for()
    assert pages.page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_the_whole_log_is_text(pages: Pages, cloud: BackgroundCloud, bucket: str, tmp_path: Path) -> None:
    lines = 12_000  # more than are read at a time, and than are shown
    source = f"print(*[f'line {{number}} <b>' for number in range({lines})], sep='\\n')"
    job = cloud.run(Contract().train(cloud.backend, bucket, tmp_path, source))
    answer = pages.page.request.get(pages.url(f"/jobs/{job.job_id}/log.txt"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    found = re.findall(r" line (\d+) <b>$", answer.text(), re.MULTILINE)
    assert [int(number) for number in found] == list(range(lines))
    pages.open(f"/jobs/{job.job_id}")
    assert pages.page.locator("#log [data-task]").count() == 2000
    assert "Only the last 2000 lines are shown." in pages.main


def test_a_reader_who_was_away_gets_what_he_missed(pages: Pages, cloud: BackgroundCloud, running: Job) -> None:
    page = pages.page
    pages.open(f"/jobs/{running.job_id}")
    page.get_by_text("ready").wait_for()
    other = page.context.new_page()  # a tab in front, as the events of a browser that sleeps
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    before = page.locator("#log .text").count()
    cloud.run(cloud.backend.cancel_job(running.job_id))
    cloud.run(cloud.backend.wait_for_job(running.job_id, timeout=60))
    other.close()
    assert page.locator("#log .text").count() == before
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => false, configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.get_by_text("Job cancelled.").wait_for()
    page.locator("#status", has_text="CANCELLED").wait_for()
    assert page.locator("#log .text").count() == len(cloud.run(cloud.backend.read_logs(running.job_id)))


@pytest.mark.parametrize("path", ["/jobs/nothing", "/jobs/nothing/log.txt", "/jobs/nothing/events?after=x", "/nowhere"])
def test_what_does_not_exist_is_named(pages: Pages, path: str) -> None:
    answer = pages.open(path)
    assert answer.status == 404
    assert re.search("nothing|nowhere", pages.main)
