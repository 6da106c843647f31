"""What programs for TensorFlow 2.1 to 2.14 use, and TensorFlow 2.15 has lost."""

import pytest
from runtimes.conftest import TRAINERS

from cloud.backends.packaging import sdist
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.server.thread import BackgroundCloud

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    ("version", "rates"),
    [
        ("2.1", (0.5, 0.25)),
        # As in TensorFlow 2.11, whose new optimizers warn, and take the default.
        ("2.11", (0.001, 0.01)),
    ],
)
def test_a_job_finds_the_names_of_the_version_that_it_requests(
    cloud: BackgroundCloud, version: str, rates: tuple[float, float]
) -> None:
    backend = cloud.backend
    job = f"older_names_{version.replace('.', '_')}"

    async def stage() -> GsUri:
        async with sdist(TRAINERS / "older_names") as archive:
            package = GsUri(job.replace("_", "-"), archive.name)
            await backend.create_bucket(package.bucket)
            await backend.upload(archive, package)
            return package

    cloud.run(backend.submit_job(TrainingSpec(job, (cloud.run(stage()),), "older_names.task", runtime_version=version)))
    ended = cloud.run(backend.wait_for_job(job))
    log = [entry.message for entry in cloud.run(backend.read_logs(job))]
    assert ended.state is JobState.SUCCEEDED, "\n".join(log[-30:])
    assert f"names: ['joblib', 1, {rates[0]}, {rates[1]}]" in log
