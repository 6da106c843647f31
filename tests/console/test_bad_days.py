"""Much of everything, and a cloud that is gone."""

import json
import resource
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from console.pages import Pages

from cloud.console.server import ConsoleServer
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec
from cloud.server.thread import BackgroundCloud

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def finished(job_id: str) -> Job:
    spec = TrainingSpec(job_id, (GsUri("bucket", "a.tar.gz"),), "trainer.task")
    return Job(spec, JobState.SUCCEEDED, NOON, NOON, NOON + timedelta(minutes=5))


def test_ten_thousand_jobs(pages: Pages, cloud: BackgroundCloud) -> None:
    async def add() -> None:
        records = cloud._cloud._assembly.jobs._records
        for number in range(10_000):
            records.add(finished(f"many_{number:05}"))

    cloud.run(add())
    page = pages.page
    pages.open("/jobs")
    rows = page.locator("tbody tr")
    assert rows.count() == 50
    assert "many_09999" in rows.first.inner_text()
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="many_09949").wait_for()
    assert rows.count() == 50
    page.get_by_role("link", name="Newest").click()
    page.get_by_role("link", name="many_09999").wait_for()


def test_a_log_of_200_megabytes(pages: Pages, cloud: BackgroundCloud) -> None:
    async def add() -> None:
        cloud._cloud._assembly.jobs._records.add(finished("long_log"))

    cloud.run(add())
    file, number, text = cloud._cloud.log_file("long_log"), 0, "x" * 300
    with file.open("w") as log:
        while log.tell() < 200 << 20:
            lines = [
                json.dumps(
                    {
                        "timestamp": (NOON + timedelta(milliseconds=number + each)).isoformat(timespec="microseconds"),
                        "severity": "INFO",
                        "task_name": "master-replica-0",
                        "message": f"{number + each} {text}",
                    }
                )
                for each in range(2000)
            ]
            log.write("\n".join(lines) + "\n")
            number += len(lines)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages.open("/jobs/long_log")
    assert pages.page.locator("#log [data-task]").count() == 2000
    assert f"{number - 1} xxx" in pages.page.locator("#log [data-task]").last.inner_text()
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in pages.page.context.cookies())  # type: ignore[typeddict-item]
    request = urllib.request.Request(pages.url("/jobs/long_log/log.txt"), headers={"Cookie": cookie})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as whole:  # noqa: S310
        first = [whole.readline() for _ in range(20_000)]  # and leaves
    assert [int(line.split()[3]) for line in first] == list(range(20_000))
    pages.open("/jobs")  # the server goes on
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 150_000, "kilobytes: the log is never in memory as a whole"
    file.unlink()


@pytest.mark.parametrize("path", ["/jobs", "/storage"])
def test_a_page_says_that_the_cloud_is_gone_and_goes_on_when_it_is_back(
    pages: Pages, cloud: BackgroundCloud, path: str
) -> None:
    other = cloud.start_console()
    page = pages.page.context.browser.new_page(locale="en-US")  # type: ignore[union-attr]
    page.goto(other.address())
    page.goto(f"http://127.0.0.1:{other.port}{path}")
    gone, command = page.locator("#gone"), page.get_by_text("python -m cloud.serve console")
    assert not gone.is_visible()
    cloud.run(other.close())
    gone.get_by_text("The console does not answer").wait_for()
    assert not command.is_visible()
    another = ConsoleServer([], "another-project", port=other.port)
    cloud.run(another.start())
    try:  # the cookie of yesterday's cloud
        command.wait_for()
    finally:
        cloud.run(another.close())
        page.close()
