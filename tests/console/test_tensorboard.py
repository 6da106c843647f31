"""TensorBoard is started when it is first visited, under the console's rules, and ends with the console."""

import asyncio
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from console.pages import Pages
from console.test_jobs import summaries

from cloud.console.tensorboard import TensorBoardPages
from cloud.errors import Unavailable
from cloud.names import GsUri
from cloud.server.thread import BackgroundCloud
from cloud.testing.contract.base import Contract


@pytest.mark.timeout(300)  # TensorFlow is loaded
def test_it_shows_the_jobs_curves_and_asks_nobody_else(
    pages: Pages, cloud: BackgroundCloud, bucket: str, tmp_path: Path
) -> None:
    page, run = pages.page, cloud.run
    job = run(Contract().train(cloud.backend, bucket, tmp_path, "print('done')"))
    file = GsUri(bucket, f"jobs/{job.job_id}/train/events.out.tfevents.1.x")
    run(cloud.backend.write_object(file, summaries(8.0, 4.0)))
    pages.open(f"/jobs/{job.job_id}")
    with page.expect_response(re.compile("/tensorboard/.*/timeSeries$")) as asked:  # by POST
        page.get_by_role("link", name="Open in TensorBoard").click()
    assert [point["value"] for point in asked.value.json()[0]["runToSeries"][f"{job.job_id}/train"]] == [8.0, 4.0]
    page.get_by_text(f"{job.job_id}/train").first.wait_for()
    answer = page.request.get(pages.url("/tensorboard/"))
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert not re.search(r"https?:|\*", policy)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(pages.url("/tensorboard/"), timeout=30)  # noqa: S310


def test_what_does_not_start_is_told(cloud: BackgroundCloud) -> None:
    async def environ() -> dict[str, str]:
        return {"PYTHONHOME": "/nowhere"}

    async def fails() -> None:
        board = TensorBoardPages(cloud._cloud.backend, environ)
        with pytest.raises(Unavailable, match=r"TensorBoard did not start\. .*encodings"):
            await asyncio.wait_for(board._board(), 60)
        await board.close()

    cloud.run(fails())
