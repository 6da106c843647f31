"""The sample trainer as a job of several replicas, one of which is preempted."""

import re
from pathlib import Path

import pytest

from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import ScaleTier, TrainingSpec
from cloud.serve import LocalCloud
from cloud.settings import Settings
from cloud.workflow.exports import newest_export
from cloud.workflow.taxifare import MODULE, package_path, trainer_arguments
from trainer import sample_data


@pytest.mark.timeout(300)
async def test_it_trains_on_several_replicas_and_goes_on_after_a_preemption(tmp_path: Path) -> None:
    sample_data.write(tmp_path / "data", 5000, seed=1)
    bucket = "several-replicas"
    output = GsUri(bucket, "out")
    async with LocalCloud(Settings()) as cloud:
        backend = cloud.backend
        await backend.create_bucket(bucket)
        await backend.upload(tmp_path / "data", GsUri(bucket, "data"))
        package = await backend.stage_package(package_path(), GsUri(bucket, "package"))
        folders = {"{data}": str(GsUri(bucket, "data")), "{output}": str(output)}
        args = [re.sub(r"\{\w+\}", lambda found: folders[found[0]], word) for word in trainer_arguments(400)]
        spec = TrainingSpec(
            "several",
            (package,),
            MODULE,
            (*args, "--eval_delay_secs=0", "--hidden_units=8 4", "--train_batch_size=65"),
            job_dir=output,
            scale_tier=ScaleTier.CUSTOM,
            worker_count=1,
            parameter_server_count=1,
            evaluator_count=1,
        )
        fault = cloud.preemptions.add("worker-replica-0", when="step 100/400")
        await backend.submit_job(spec)
        job = await backend.wait_for_job(spec.job_id)
        log = [(entry.task_name, entry.message) async for entry in backend.follow_logs(spec.job_id)]
        text = "\n".join(map(" ".join, log))
        assert job.state is JobState.SUCCEEDED, f"{job.error_message}\n{text}"
        assert str((await newest_export(backend, job, output)).folder) in text
    assert fault.fired == 1
    assert ("service", "The replica worker 0 was preempted. It is restarted with the same address.") in log
    assert re.search(r"master-replica-0 another replica has ended .* 1 of 5", text)
    assert re.search(r"master-replica-0 continuing from step [1-9]\d* ", text)
    assert re.search(r"ps-replica-0 .*ps 0 is idle", text)
    assert "worker-replica-0 worker 0 has trained its share of 400 steps" in text
    scores = re.findall(r"(\S+) evaluation step=400 loss=\S+ rmse=(\S+) ", text)
    assert sorted(name for name, _ in scores) == ["evaluator-replica-0", "master-replica-0"], text
    assert len({rmse for _, rmse in scores}) == 1
    assert {name for name, message in log if message.startswith(("step ", "exported "))} == {"master-replica-0"}
