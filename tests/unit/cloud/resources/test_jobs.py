"""Specifications of jobs: a legal one can be constructed, an illegal one names field, value and rule."""

import pytest

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import ScaleTier, TrainingSpec

PACKAGES = (GsUri("bucket", "trainer.tar.gz"),)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"job_id": "1st"}, "job.job_id", "1st"),
        ({"python_module": "trainer/task.py"}, "python_module", "trainer/task"),
        ({"package_uris": ()}, "training_input.package_uris", "must have packages"),
        ({"package_uris": PACKAGES * 101}, "training_input.package_uris", "101"),
        ({"package_uris": (GsUri("bucket"),)}, "training_input.package_uris", "gs://bucket"),
        ({"package_uris": (GsUri("bucket", "p/"),)}, "training_input.package_uris", "gs://bucket/p/"),
        ({"package_uris": (GsUri("bucket", "*.whl"),)}, "training_input.package_uris", "no pattern"),
        ({"max_running_time": 0}, "training_input.scheduling.max_running_time", "0"),
        ({"worker_count": 2}, "training_input.worker_count", "CUSTOM"),
        ({"scale_tier": ScaleTier.CUSTOM, "evaluator_count": -1}, "training_input.evaluator_count", "-1"),
        ({"restart_job_on_worker_restart": True}, "job.restart_job_on_worker_restart", "only for service VERTEX_AI"),
        ({"disable_retries": True}, "job.disable_retries", "only for service VERTEX_AI"),
        ({"job_dir": GsUri("bucket")}, "training_input.job_dir", "gs://bucket/object"),
    ],
)
def test_an_illegal_job_cannot_be_constructed(changes: dict[str, object], field: str, message: str) -> None:
    given: dict[str, object] = {"job_id": "job", "package_uris": PACKAGES, "python_module": "trainer.task"}
    with pytest.raises(InvalidArgument, match=message) as caught:
        TrainingSpec(**(given | changes))  # type: ignore[arg-type]
    assert caught.value.field == field


def test_counts_are_for_custom_tiers() -> None:
    assert TrainingSpec("job", PACKAGES, "trainer.task", scale_tier=ScaleTier.CUSTOM, worker_count=2).worker_count == 2
