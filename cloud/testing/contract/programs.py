"""The contract's part on the programs of jobs: arguments, environment, output and exit."""

import asyncio
from pathlib import Path

import pytest

from cloud.backends.base import Backend
from cloud.errors import DeadlineExceeded
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import ScaleTier, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.testing.contract.base import TIMEOUT, Contract, unique_name
from cloud.testing.contract.probes import READ_AND_WRITE, trainer


class ProgramContract(Contract):
    """Needs a backend that declares ``abilities.runs_programs``."""

    async def test_a_staged_package_is_built_and_run(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        package = await backend.stage_package(trainer(tmp_path, "print('built')"), GsUri(bucket, "staging"))
        job = await backend.submit_job(
            TrainingSpec(unique_name("job"), (package,), "probe.task", region=backend.region)
        )
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert "built" in await self.output(backend, job)

    async def test_a_job_runs_to_its_end(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        submitted = await self.submit(backend, bucket, tmp_path, "print('hello')")
        assert submitted.state is JobState.QUEUED
        job = await backend.wait_for_job(submitted.job_id, timeout=TIMEOUT)
        assert job.state is JobState.SUCCEEDED
        assert job.error_message == ""
        assert job.start_time is not None
        assert job.end_time is not None
        assert job.create_time <= job.start_time <= job.end_time
        assert "hello" in await self.output(backend, job)
        assert await backend.get_job(job.job_id) == job

    async def test_arguments_arrive_unchanged_and_job_dir_last(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        args = ("--a=b c", "", "--ünï", "$HOME", "*", "--", "it's")
        job = await self.train(
            backend, bucket, tmp_path, "import sys, json; print('ARGV', ascii(json.dumps(sys.argv[1:])))", *args
        )
        (line,) = [line for line in await self.output(backend, job) if line.startswith("ARGV")]
        expected = [*args, "--job-dir", f"gs://{bucket}/jobs/{job.job_id}"]
        assert eval(line.removeprefix("ARGV ")) == __import__("json").dumps(expected)  # noqa: S307 - ascii() of our own

    async def test_a_replicas_environment_describes_its_job(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        source = """
            import json, os
            config = json.loads(os.environ["TF_CONFIG"])
            print("ID", os.environ["CLOUD_ML_JOB_ID"])
            print("TASK", config["task"]["type"], config["task"]["index"], config["environment"])
        """
        job = await self.train(backend, bucket, tmp_path, source)
        output = await self.output(backend, job)
        assert f"ID {job.job_id}" in output
        assert "TASK chief 0 cloud" in output

    async def test_a_replica_has_its_jobs_variables(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        if not backend.abilities.job_variables:
            return
        source = "import os; print('KIND', os.environ['MODEL_KIND'], os.environ['CLOUD_ML_JOB_ID'])"
        job = await self.train(backend, bucket, tmp_path, source, env={"MODEL_KIND": "a=b c", "CLOUD_ML_JOB_ID": "x"})
        assert f"KIND a=b c {job.job_id}" in await self.output(backend, job)

    async def test_a_trainer_that_raises(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "print('before')\nraise ValueError('what happened')")
        assert job.state is JobState.FAILED
        assert "The replica master 0 exited with a non-zero status of 1." in job.error_message
        assert "Traceback (most recent call last)" in job.error_message
        assert "ValueError: what happened" in job.error_message
        output = await self.output(backend, job)
        assert "before" in output
        assert "ValueError: what happened" in output

    async def test_a_trainer_that_exits_3(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "import sys; sys.exit(3)")
        assert job.state is JobState.FAILED
        assert "non-zero status of 3" in job.error_message

    async def test_a_trainer_that_exits_with_a_message(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        noise = "E0000 00:00:1795389926.644927   11419 cuda_platform.cc:52] no such device"
        source = f"import sys; print({noise!r}, file=sys.stderr); sys.exit('no rows in the data')"
        job = await self.train(backend, bucket, tmp_path, source)
        assert job.state is JobState.FAILED
        assert job.error_message.endswith("no rows in the data")
        assert "cuda_platform" not in job.error_message

    async def test_a_trainer_killed_by_a_signal(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        assert job.state is JobState.FAILED
        assert "non-zero status of 137" in job.error_message

    async def test_a_module_that_does_not_exist(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "", module="probe.nothing")
        assert job.state is JobState.FAILED
        assert "No module named probe.nothing" in job.error_message

    async def test_the_log_is_complete_and_in_order(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        source = "import os\nfor n in range(2000): print('line', n)\nos.write(1, b'the very last, without an end')"
        job = await self.train(backend, bucket, tmp_path, source)
        output = [line for line in await self.output(backend, job) if line.startswith(("line", "the very last"))]
        assert output == [*(f"line {number}" for number in range(2000)), "the very last, without an end"]

    async def test_the_services_lines_surround_the_trainers(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        job = await self.train(backend, bucket, tmp_path, "print('hello')")
        output = [entry.message for entry in await self.log(backend, job)]
        expected = [
            "Validating job requirements...",
            "Job creation request has been successfully validated.",
            f"Job {job.job_id} is queued.",
            "Waiting for job to be provisioned.",
            "Waiting for training program to start.",
            "Running module probe.task.",
            f"Downloading the package: {job.training.package_uris[0]}",
            f"Installing the package: {job.training.package_uris[0]}",
            f"Running command: python3 -m probe.task --job-dir {job.training.job_dir}",
            "hello",
            "Module completed; cleaning up.",
            "Clean up finished.",
            "Finished tearing down training program.",
            "Job completed successfully.",
        ]
        assert [message for message in output if message in expected] == expected
        assert output[0] == expected[0]
        assert output[-1] == expected[-1]

    async def test_the_log_says_why_a_job_failed(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "raise ValueError('what happened')")
        *_, why, torn_down, failed = await self.log(backend, job)
        assert why.message == "The replica master 0 exited with a non-zero status of 1."
        assert why.severity is Severity.ERROR
        assert torn_down.message == "Finished tearing down training program."
        assert failed.message == "Job failed."

    async def test_a_megabyte_without_a_newline(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "print('x' * 1_000_000)")
        assert job.state is JobState.SUCCEEDED
        assert sum(line.count("x") for line in await self.output(backend, job) if set(line) == {"x"}) == 1_000_000

    async def test_lines_have_severity_time_and_task(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        source = """
            import sys
            print("to out", flush=True)
            print("to err", file=sys.stderr)
            print("WARNING:x:care", file=sys.stderr)
        """
        job = await self.train(backend, bucket, tmp_path, source)
        entries = {entry.message: entry for entry in await self.log(backend, job)}
        assert entries["to out"].severity is Severity.INFO
        assert entries["to err"].severity is Severity.ERROR
        assert entries["WARNING:x:care"].severity is Severity.WARNING
        assert entries["to out"].task_name == "master-replica-0"
        assert job.create_time <= entries["to out"].timestamp

    async def test_logs_are_followed_while_the_job_runs(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        source = "import signal; print('waiting for the signal', flush=True); signal.pause()"
        job = await self.submit(backend, bucket, tmp_path, source)
        async with asyncio.timeout(TIMEOUT):
            async for entry in backend.follow_logs(job.job_id):
                if entry.message == "waiting for the signal":
                    break
        assert (await backend.get_job(job.job_id)).state is JobState.RUNNING
        assert "waiting for the signal" in [entry.message for entry in await backend.read_logs(job.job_id)]
        await backend.cancel_job(job.job_id)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.CANCELLED
        assert "cancelled" in job.error_message

    async def test_cancelling_ends_a_trainer_that_ignores_it(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        source = """
            import os, signal, subprocess, sys
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
            print("ready", flush=True)
            while True:
                signal.pause()
        """
        job = await self.submit(backend, bucket, tmp_path, source)
        async with asyncio.timeout(TIMEOUT):
            async for entry in backend.follow_logs(job.job_id):
                if entry.message == "ready":
                    break
        await backend.cancel_job(job.job_id)
        await backend.cancel_job(job.job_id)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.CANCELLED

    async def test_a_job_past_its_running_time_is_cancelled(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        job = await self.train(backend, bucket, tmp_path, "import signal; signal.pause()", max_running_time=0.5)
        assert job.state is JobState.CANCELLED
        assert "max running time" in job.error_message

    async def test_waiting_has_a_timeout_and_the_job_continues(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        job = await self.submit(backend, bucket, tmp_path, "import signal; signal.pause()")
        with pytest.raises(DeadlineExceeded, match=job.job_id):
            await backend.wait_for_job(job.job_id, timeout=0.01)
        assert not (await backend.get_job(job.job_id)).state.is_final
        await backend.cancel_job(job.job_id)
        await backend.wait_for_job(job.job_id, timeout=TIMEOUT)

    async def test_replicas_have_the_clusters_addresses_and_end_with_the_primary(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        source = """
            import json, os, signal
            config = json.loads(os.environ["TF_CONFIG"])
            hosts = {role: len(hosts) for role, hosts in config["cluster"].items()}
            print("I am", config["task"]["type"], config["task"]["index"], "of", hosts, flush=True)
            if config["task"]["type"] != "chief":
                signal.pause()
        """
        job = await self.train(
            backend, bucket, tmp_path, source, scale_tier=ScaleTier.CUSTOM, worker_count=2, parameter_server_count=1
        )
        assert job.state is JobState.SUCCEEDED, job.error_message
        output = {(entry.task_name, entry.message) for entry in await self.log(backend, job)}
        assert ("master-replica-0", "I am chief 0 of {'chief': 1, 'worker': 2, 'ps': 1}") in output

    async def test_a_tier_with_gpus(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        if not backend.abilities.gpus:
            pytest.skip("it grants none")
        job = await self.train(backend, bucket, tmp_path, "print('runs')", scale_tier=ScaleTier.BASIC_GPU)
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert "runs" in await self.output(backend, job)

    async def test_a_replica_that_fails_makes_the_job_fail_and_is_named(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        source = """
            import json, os, signal, sys
            if json.loads(os.environ["TF_CONFIG"])["task"]["type"] == "worker":
                sys.exit("a worker's trouble")
            signal.pause()
        """
        job = await self.train(backend, bucket, tmp_path, source, scale_tier=ScaleTier.CUSTOM, worker_count=1)
        assert job.state is JobState.FAILED
        assert "The replica worker 0 exited with a non-zero status of 1." in job.error_message
        assert "a worker's trouble" in job.error_message

    async def test_a_job_reads_and_writes_the_bucket(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        await backend.write_object(GsUri(bucket, "in.txt"), b"from the bucket")
        job = await self.train(
            backend, bucket, tmp_path, READ_AND_WRITE, f"--read=gs://{bucket}/in.txt", f"--write=gs://{bucket}/out.txt"
        )
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert "read from the bucket" in await self.output(backend, job)
        assert await backend.read_object(GsUri(bucket, "out.txt")) == b"written by the job"
