"""A trial's metric is in what ``tf.summary.FileWriter`` writes, in any folder: Google's images look there, too."""

import pytest
from runtimes.conftest import TRAINERS

from cloud.backends.packaging import sdist
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType
from cloud.resources.tuning import TuningSpec
from cloud.server.thread import BackgroundCloud

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("version", ["1.15", "2.8"])
@pytest.mark.parametrize(("metric", "step", "value"), [("rmse", 20, 60.0), ("training/hptuning/metric", 0, 3.0)])
def test_summaries_outside_the_job_dir_are_a_trials_metric(
    cloud: BackgroundCloud, version: str, metric: str, step: int, value: float
) -> None:
    backend = cloud.backend
    job = f"tuned_{metric[:4]}_{version.replace('.', '_')}"

    async def stage() -> GsUri:
        async with sdist(TRAINERS / "tuned") as archive:
            package = GsUri(job.replace("_", "-"), archive.name)
            await backend.create_bucket(package.bucket)
            await backend.upload(archive, package)
            return package

    training = TrainingSpec(job, (cloud.run(stage()),), "tuned.task", runtime_version=version)
    x = Parameter("x", ParameterType.INTEGER, 3, 3)
    cloud.run(
        backend.submit_job(
            TuningSpec(job, training=training, metrics=(Metric(metric, Goal.MINIMIZE),), parameters=(x,))
        )
    )
    (trial,) = cloud.run(backend.wait_for_job(job)).trials
    assert trial.final is not None, "\n".join(entry.message for entry in cloud.run(backend.read_logs(job)))
    assert (trial.final.step, trial.final.metrics) == (step, {metric: value})
