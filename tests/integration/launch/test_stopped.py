"""Fork servers and supervisors that are stopped (SIGSTOP): nobody waits for them for ever."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from cloud.engine.launch.client import Interpreter, Launcher
from cloud.engine.launch.deadlines import Deadlines
from cloud.errors import Unavailable
from cloud.settings import LauncherKind
from integration.launch.programs import KINDS, Programs, is_alive, linux_only, parent_of, run, until_gone

SLEEP = "print('up', flush=True); import time; time.sleep(600)"


@pytest.fixture(params=KINDS)
async def impatient(request: pytest.FixtureRequest) -> AsyncIterator[Launcher]:
    launcher = Launcher(request.param, deadlines=Deadlines(load=5, start=1, end=0.5))
    async with asyncio.timeout(60):
        yield launcher
        await launcher.close()


@linux_only
async def test_a_fork_server_that_is_stopped_is_replaced(impatient: Launcher, programs: Programs) -> None:
    running = await impatient.launch(programs.command(SLEEP), programs.on_output)
    await programs.wait_for("up")
    stopped = parent_of(parent_of(running.pid))

    os.kill(stopped, signal.SIGSTOP)

    assert (await run(impatient, programs.command("print('fine')"), programs.on_output)).ok
    assert programs.text() == "up\nfine"
    assert not is_alive(stopped)
    assert is_alive(running.pid)


@linux_only
async def test_a_fork_server_that_is_stopped_while_it_imports_is_ended(programs: Programs) -> None:
    programs.write("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "stops")
    programs.interpreter = Interpreter(preload=("stops",))
    environ = {"PYTHONPATH": str(programs.folder)}
    launcher = Launcher(LauncherKind.WARM, environ=environ, deadlines=Deadlines(load=1))

    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="the launcher did not load its modules within 1 s"):
            await launcher.launch(programs.command("print('fine')"), programs.on_output)
        await launcher.close()


@linux_only
async def test_a_process_whose_supervisor_is_stopped_is_ended(impatient: Launcher, programs: Programs) -> None:
    process = await impatient.launch(programs.command(SLEEP), programs.on_output)
    os.kill(parent_of(process.pid), signal.SIGSTOP)

    assert (await process.stop(0)).signal == signal.SIGTERM
    assert not is_alive(process.pid)


@linux_only
async def test_closing_ends_what_is_stopped(programs: Programs) -> None:
    launcher = Launcher(LauncherKind.COLD, deadlines=Deadlines(end=0.5))
    process = await launcher.launch(programs.command(SLEEP), programs.on_output)
    supervisor = parent_of(process.pid)
    everything = [process.pid, supervisor, parent_of(supervisor)]
    for each in everything:
        os.kill(each, signal.SIGSTOP)
    async with asyncio.timeout(30):
        await launcher.close()
        await until_gone(everything)
