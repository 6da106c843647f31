"""Ctrl-C at every step of a run on Google's cloud, once and twice."""

import asyncio
import os
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import pytest

from cloud.emulator.faults import Fault, Hold
from cloud.settings import inherited_environ
from cloud.workflow.google.interrupts import TASK_NAME
from integration.google_runs import GoogleRun
from integration.quick_google import QuickGoogle
from integration.test_gcp_each_call import SERVICE_REMOVALS, STEPS, USED_BY_PREFLIGHT, VERTEX, each

pytestmark = pytest.mark.asyncio(loop_scope="module")
LAST = {"vertex-ai": f"{VERTEX}.endpoints.predict", "ml-engine": "ml.projects.predict"}


def hold(google: QuickGoogle, method: str) -> tuple[Hold, Fault]:
    hold = Hold()
    return hold, google.faults.add(method, hold, after=method in USED_BY_PREFLIGHT)


async def wait_until_reached(hold: Hold, run: "asyncio.Task[int]") -> None:
    await asyncio.wait([asyncio.wrap_future(hold.reached), run], return_when=asyncio.FIRST_COMPLETED)
    assert hold.reached.done(), run


async def interrupted(
    google: QuickGoogle, folder: Path, service: str, method: str
) -> tuple[GoogleRun, "asyncio.Task[int]", Fault]:
    """A run that gets Ctrl-C while Google's response to ``method`` is held back; it is then released."""
    held, fault = hold(google, method)
    run = GoogleRun(google, service, folder)
    running = asyncio.create_task(run.execute())
    await wait_until_reached(held, running)
    await run.interrupt()
    held.released.set_result(None)
    return run, running, fault


@each(STEPS)
async def test_an_interrupt_during_a_request_leaves_nothing(google, folder, service, method):
    run, running, fault = await interrupted(google, folder, service, method)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert fault.fired == 1
    assert "Left behind" not in run.output
    assert await google.resources() == []


@pytest.mark.parametrize(
    ("service", "method"), [(service, SERVICE_REMOVALS[service][0]) for service in SERVICE_REMOVALS], ids=str
)
async def test_an_interrupt_does_not_stop_the_clean_up(google, folder, service, method):
    run, running, fault = await interrupted(google, folder, service, method)
    assert await running == 130
    assert fault.fired == 1
    assert "Left behind" not in run.output
    assert await google.resources() == []


@each(SERVICE_REMOVALS)
async def test_a_second_interrupt_exits_at_once_and_names_leftovers(google, folder, service, method):
    second, _ = hold(google, method)
    run, running, _ = await interrupted(google, folder, service, LAST[service])
    await wait_until_reached(second, running)
    before = len(run.output)
    os.kill(os.getpid(), signal.SIGINT)
    assert await asyncio.wait_for(running, 5) == 130  # before Google's response
    assert run.workflow.abandoned
    (message,) = [line for line in run.output[before:].splitlines() if line.startswith("Left behind: ")]
    assert f"cleanup --project quick-google --region us-central1 --service {service}" in run.output[before:]
    second.released.set_result(None)
    await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name() == TASK_NAME])
    names = {"endpoints": "model probe", "model": "model probe", "models": "version probe", "bucket": "bucket gs://"}
    for left in await google.resources():
        assert names[left.split()[0]] in message
    await run.clean_up()
    assert await google.resources() == []


async def start_process(google: QuickGoogle, folder: Path, *words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloud.run", *words),
        cwd=folder,
        env=inherited_environ() | google.environ | {"PYTHONPATH": ":".join(sys.path)},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def test_a_process_interrupted_twice_prints_the_cleanup_command(google, folder):
    google.backend.run_jobs = False
    training, _ = hold(google, "logging.entries.list")
    cancelling, _ = hold(google, f"{VERTEX}.customJobs.cancel")
    words = ["--backend", "gcp", "--project", "quick-google", "--bucket", "quick-ml"]
    process = await start_process(
        google, folder, *words, "--package-path", "probe", "--module", "probe.task", "--data-dir", "data"
    )
    for held in (training, cancelling):
        await asyncio.wait_for(asyncio.wrap_future(held.reached), 60)
        process.send_signal(signal.SIGINT)
        if held is training:
            held.released.set_result(None)
    output, _ = await asyncio.wait_for(process.communicate(), 10)  # it does not wait for the response
    output = output.decode()
    assert process.returncode == 130, output
    assert "Traceback" not in output
    command = shlex.split(output.rpartition("This removes it:\n")[2].splitlines()[0])
    assert command[:4] == ["python", "-m", "cloud.run", "cleanup"]
    assert f"job {command[command.index('--run') + 1]}" in output
    cancelling.released.set_result(None)
    process = await start_process(google, folder, *command[3:])
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output
    assert b"removed bucket gs://quick-ml" in output
    assert await google.resources() == []
