"""A job reads a public bucket as public trainers do, without credentials, and is told of one that is missing."""

from pathlib import Path

from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.probes import trainer

SOURCE = """
import urllib.error, urllib.request
def read(path):  # as keras.utils.get_file
    return urllib.request.urlopen("https://storage.googleapis.com/" + path).read().decode()
print("read", read("cloud-samples-data/census/train.csv"), flush=True)
try:
    read("tensorflow/tf-keras-datasets/mnist.npz")
except urllib.error.HTTPError as error:
    print("refused", error.code, error.msg, flush=True)
"""


def test_a_job_reads_a_public_bucket_and_its_log_names_one_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "served" / "census").mkdir(parents=True)
    (tmp_path / "served" / "census" / "train.csv").write_text("39,Private")
    public = (("cloud-samples-data", tmp_path / "served"),)
    settings = Settings(launcher=LauncherKind.COLD, cancel_grace_seconds=0.5, public=public)
    with BackgroundCloud(settings) as cloud:
        cloud.run(cloud.backend.create_bucket("lab-bucket"))
        package = cloud.run(cloud.backend.stage_package(trainer(tmp_path, SOURCE), GsUri("lab-bucket", "staging")))
        cloud.run(cloud.backend.submit_job(TrainingSpec("reads", (package,), "probe.task")))
        job = cloud.run(cloud.backend.wait_for_job("reads", timeout=90))

        async def log() -> list[str]:
            return [entry.message async for entry in cloud.backend.follow_logs("reads")]

        lines = cloud.run(log())
    assert job.state == "SUCCEEDED", lines
    assert "read 39,Private" in lines
    [refused] = [line for line in lines if line.startswith("refused 404")]
    assert "--public tensorflow=FOLDER" in refused
    assert any("It is a public bucket at Google" in line for line in lines)
