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
from integration.quick_google import QuickGoogle
from integration.test_gcp_each_call import ENDS, LOOKED_AT, STEPS, VERTEX, each
from integration.trips import Trip

pytestmark = pytest.mark.asyncio(loop_scope="module")
LAST = {"vertex-ai": f"{VERTEX}.endpoints.predict", "ml-engine": "ml.projects.predict"}


def hold(google: QuickGoogle, method: str) -> tuple[Hold, Fault]:
    hold = Hold()
    return hold, google.faults.add(method, hold, after=method in LOOKED_AT)


async def reached(hold: Hold, trip: "asyncio.Task[int]") -> None:
    await asyncio.wait([asyncio.wrap_future(hold.reached), trip], return_when=asyncio.FIRST_COMPLETED)
    assert hold.reached.done(), trip


async def interrupted(
    google: QuickGoogle, folder: Path, service: str, method: str
) -> tuple[Trip, "asyncio.Task[int]", Fault]:
    """A trip that gets Ctrl-C while Google's answer to ``method`` is kept back, which then comes."""
    held, fault = hold(google, method)
    trip = Trip(google, service, folder)
    taking = asyncio.create_task(trip.take())
    await reached(held, taking)
    await trip.interrupt()
    held.released.set_result(None)
    return trip, taking, fault


@each(STEPS)
async def test_an_interrupt_while_google_answers_leaves_nothing(google, folder, service, method):
    trip, taking, fault = await interrupted(google, folder, service, method)
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert fault.fired == 1
    assert "Left behind" not in trip.said
    assert await google.there() == []


@pytest.mark.parametrize(("service", "method"), [(service, ENDS[service][0]) for service in ENDS], ids=str)
async def test_an_interrupt_does_not_break_off_the_clean_up(google, folder, service, method):
    trip, taking, fault = await interrupted(google, folder, service, method)
    assert await taking == 130
    assert fault.fired == 1
    assert "Left behind" not in trip.said
    assert await google.there() == []


@each(ENDS)
async def test_a_second_interrupt_leaves_at_once_and_says_what_is_left(google, folder, service, method):
    second, _ = hold(google, method)
    trip, taking, _ = await interrupted(google, folder, service, LAST[service])
    await reached(second, taking)
    before = len(trip.said)
    os.kill(os.getpid(), signal.SIGINT)
    assert await asyncio.wait_for(taking, 5) == 130  # and Google has not answered yet
    assert trip.run.abandoned
    (told,) = [line for line in trip.said[before:].splitlines() if line.startswith("Left behind: ")]
    assert f"cleanup --project quick-google --region us-central1 --service {service}" in trip.said[before:]
    second.released.set_result(None)
    await asyncio.wait([task for task in asyncio.all_tasks() if task.get_coro().__name__ == "through"])
    names = {"endpoints": "model probe", "model": "model probe", "models": "version probe", "bucket": "bucket gs://"}
    for left in await google.there():
        assert names[left.split()[0]] in told
    await trip.clean_up()
    assert await google.there() == []


async def begun(google: QuickGoogle, folder: Path, *words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloud.run", *words),
        cwd=folder,
        env=inherited_environ() | google.environ | {"PYTHONPATH": ":".join(sys.path)},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def test_a_process_that_is_interrupted_twice_names_the_command_that_removes_what_is_left(google, folder):
    google.backend.run_jobs = False
    in_the_middle, _ = hold(google, "logging.entries.list")
    cancelling, _ = hold(google, f"{VERTEX}.customJobs.cancel")
    words = ["--backend", "gcp", "--project", "quick-google", "--bucket", "quick-ml"]
    process = await begun(
        google, folder, *words, "--package-path", "probe", "--module", "probe.task", "--data-dir", "data"
    )
    for held in (in_the_middle, cancelling):
        await asyncio.wait_for(asyncio.wrap_future(held.reached), 60)
        process.send_signal(signal.SIGINT)
        if held is in_the_middle:
            held.released.set_result(None)
    output, _ = await asyncio.wait_for(process.communicate(), 10)  # it does not wait for the answer
    said = output.decode()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    command = shlex.split(said.rpartition("This removes it:\n")[2].splitlines()[0])
    assert command[:4] == ["python", "-m", "cloud.run", "cleanup"]
    assert f"job {command[command.index('--run') + 1]}" in said
    cancelling.released.set_result(None)
    process = await begun(google, folder, *command[3:])
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output
    assert b"removed bucket gs://quick-ml" in output
    assert await google.there() == []
