"""Fork servers: one for each interpreter with modules to preload, while it is in use."""

import asyncio
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

from cloud.engine.launch.client import Command, Interpreter, Launcher
from cloud.settings import LauncherKind
from integration.launch.programs import (
    PRELOADED,
    Programs,
    descendants,
    is_alive,
    linux_only,
    parent_of,
    run,
    until_gone,
)

pytestmark = linux_only
OTHER = Interpreter(preload=("wave",))
SHOW = "import os, sys; print('colorsys' in sys.modules, 'wave' in sys.modules, sys.executable, os.getppid())"


async def fork_server(launcher: Launcher, command: Command) -> int:
    """The process id of the one that starts ``command``."""
    process = await launcher.launch(command, lambda _: None)
    try:
        return parent_of(parent_of(process.pid))
    finally:
        await process.stop(0)


def waiting(programs: Programs, interpreter: Interpreter | None) -> Command:
    return replace(programs.command("import time; time.sleep(600)"), interpreter=interpreter)


async def test_each_interpreter_has_its_own(programs: Programs, tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(os.path.realpath(PRELOADED.path))
    elsewhere = replace(OTHER, path=link)
    launcher = Launcher(LauncherKind.WARM)
    shown = []
    try:
        for interpreter in (PRELOADED, OTHER, elsewhere, PRELOADED.cold, None):
            assert (
                await run(launcher, replace(programs.command(SHOW), interpreter=interpreter), programs.on_output)
            ).ok
            shown.append(programs.lines.pop().text.split()[:3])
        servers = [
            await fork_server(launcher, waiting(programs, each)) for each in (PRELOADED, OTHER, OTHER, elsewhere, None)
        ]
    finally:
        await launcher.close()

    own = str(PRELOADED.path)
    assert shown == [
        ["True", "False", own],
        ["False", "True", own],
        ["False", "True", str(link)],
        ["False", "False", own],
        ["False", "False", own],
    ]
    assert servers[1] == servers[2]
    assert len(set(servers)) == 4
    assert not any(map(is_alive, servers))


async def test_one_that_is_killed_is_replaced_and_the_others_go_on(programs: Programs) -> None:
    launcher = Launcher(LauncherKind.WARM)
    first, second = [await fork_server(launcher, waiting(programs, each)) for each in (PRELOADED, OTHER)]

    await until_gone([first], lambda: os.kill(first, signal.SIGKILL))
    again = [await fork_server(launcher, waiting(programs, each)) for each in (PRELOADED, OTHER)]
    await launcher.close()

    assert again[0] != first
    assert again[1] == second


async def test_one_without_a_process_ends_and_the_next_process_starts_another(programs: Programs) -> None:
    launcher = Launcher(LauncherKind.WARM)
    kept = await launcher.launch(waiting(programs, replace(OTHER, idle=0.2)), programs.on_output)
    in_use = parent_of(parent_of(kept.pid))
    idle = await fork_server(launcher, waiting(programs, replace(PRELOADED, idle=0.2)))

    await until_gone([idle])

    assert is_alive(in_use)
    assert (await run(launcher, programs.command("print('fine')"), programs.on_output)).ok
    await kept.stop(0)
    await until_gone([in_use])
    await launcher.close()


async def test_one_that_was_started_ahead_and_never_used_ends(programs: Programs) -> None:
    others = descendants(os.getpid())
    launcher = Launcher(LauncherKind.WARM)
    await launcher.ready(replace(PRELOADED, idle=0.2))
    await until_gone([pid for pid in descendants(os.getpid()) if pid not in others])
    await launcher.close()


async def test_a_launch_at_the_moment_when_it_ends_is_not_lost(programs: Programs) -> None:
    """Launches arrive before, at and after the end of the idle time, alone and several at once."""
    launcher = Launcher(LauncherKind.WARM)
    command = programs.command("print('done')")
    pauses = random.Random(1)  # noqa: S311 - not for secrets

    async def client(interpreter: Interpreter) -> None:
        for _ in range(10):
            assert (await run(launcher, replace(command, interpreter=interpreter), programs.on_output)).ok
            await asyncio.sleep(pauses.choice([0, 0.015, 0.02, 0.021, 0.04]))

    async with asyncio.TaskGroup() as clients:
        for interpreter in (PRELOADED, PRELOADED, OTHER):
            clients.create_task(client(replace(interpreter, idle=0.02)))
    await launcher.close()

    assert len(programs.lines) == 30
