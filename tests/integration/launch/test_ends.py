"""Processes end with everything they started: by themselves, when stopped, or when an ancestor is killed."""

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from cloud.engine.launch.client import ExitStatus, Interpreter, Launcher
from cloud.settings import LauncherKind
from integration.launch.programs import (
    ENVIRON,
    KINDS,
    Programs,
    descendants,
    is_alive,
    linux_only,
    parent_of,
    run,
    until_gone,
)

FAMILY = """
    import os, signal, subprocess, sys, time

    def daemon(depth):
        # as daemons do: a new session, no parent, signals ignored
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            if depth:
                daemon(depth - 1)
            os.write(1, b"pid %d\\n" % os.getpid())
            while True:
                time.sleep(1)
        os.wait()

    daemon(1)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    os.write(1, b"pid %d\\npid %d\\n" % (child.pid, os.getpid()))
    {then}
    """


def pids(programs: Programs) -> list[int]:
    return [int(line.text.split()[1]) for line in programs.lines if line.text.startswith("pid ")]


@linux_only
@pytest.mark.parametrize(("then", "expected"), [("", ExitStatus(0)), ("sys.exit(3)", ExitStatus(3))])
async def test_its_children_end_with_it(
    launcher: Launcher, programs: Programs, then: str, expected: ExitStatus
) -> None:
    command = programs.command(FAMILY.format(then=f"import select; select.select([], [], [], 0.3); {then}"))

    status = await run(launcher, command, programs.on_output)

    assert status == expected
    assert len(pids(programs)) == 4
    assert not any(is_alive(pid) for pid in pids(programs))


@linux_only
async def test_stop_ends_the_whole_tree(launcher: Launcher, programs: Programs) -> None:
    process = await launcher.launch(programs.command(FAMILY.format(then="time.sleep(600)")), programs.on_output)
    await programs.wait_for(f"pid {process.pid}")

    async with asyncio.timeout(10):
        status = await process.stop(0.2)

    assert status == ExitStatus(signal=signal.SIGTERM)
    assert not any(is_alive(pid) for pid in pids(programs))
    assert await process.stop(0) == await process.wait() == status


async def test_stop_gives_time_to_finish(launcher: Launcher, programs: Programs) -> None:
    process = await launcher.launch(
        programs.command(
            """
            import signal, sys, time
            def finish(*_):
                print("x" * 100_000)
                print("saved")
                sys.exit(7)
            signal.signal(signal.SIGTERM, finish)
            print("ready")
            while True:
                time.sleep(1)
            """
        ),
        programs.on_output,
    )
    await programs.wait_for("ready")

    status = await process.stop(20)

    assert status == ExitStatus(7)
    assert programs.lines[-1].text == "saved"


@pytest.mark.parametrize("action", ["signal.signal(signal.SIGTERM, signal.SIG_IGN)", "os.kill(os.getpid(), 19)"])
async def test_stop_ends_one_that_ignores_sigterm_or_is_stopped(
    launcher: Launcher, programs: Programs, action: str
) -> None:
    process = await launcher.launch(
        programs.command(f"import os, signal, time; print('ready'); {action}; time.sleep(600)"), programs.on_output
    )
    await programs.wait_for("ready")

    async with asyncio.timeout(10):
        status = await process.stop(0.3)

    assert status.signal in (signal.SIGKILL, signal.SIGTERM)
    assert not is_alive(process.pid)


@linux_only
async def test_stop_ends_one_that_keeps_forking(launcher: Launcher, programs: Programs) -> None:
    # It continues in a new child process, over and over, and ignores signals.
    process = await launcher.launch(
        programs.command(
            """
            import os, signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            if os.fork() == 0:
                while True:
                    if os.fork():
                        os._exit(0)
            print("ready")
            signal.pause()
            """
        ),
        programs.on_output,
    )
    await programs.wait_for("ready")

    async with asyncio.timeout(20):
        assert await process.stop(0.1) == ExitStatus(signal=signal.SIGKILL)


async def test_close_ends_everything(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import time; print('ready'); time.sleep(600)")
    first, second = [await launcher.launch(command, programs.on_output) for _ in range(2)]
    await programs.wait_for("ready\nready")

    await launcher.close()
    await launcher.close()

    assert await first.wait() == await second.wait() == ExitStatus(signal=signal.SIGTERM)
    assert not is_alive(first.pid)
    assert not is_alive(second.pid)


ENGINE = """
    import asyncio, sys
    from pathlib import Path
    from cloud.engine.launch.client import Command, Interpreter, Launcher
    from cloud.settings import LauncherKind

    async def main(kind, folder):
        launcher = Launcher(LauncherKind(kind))
        for interpreter in (Interpreter(preload=("json",)), Interpreter(preload=("colorsys",)), None):
            command = Command("program", (), {}, folder, (folder,), interpreter)
            await launcher.launch(command, lambda line: print(line.text, flush=True))
        await asyncio.Event().wait()

    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
    """


@linux_only
@pytest.mark.parametrize("kind", KINDS)
async def test_no_process_outlives_a_killed_engine(programs: Programs, kind: LauncherKind) -> None:
    programs.command(FAMILY.format(then="time.sleep(600)"))
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(ENGINE), kind.value, str(programs.folder)),
        stdout=asyncio.subprocess.PIPE,
        env={**ENVIRON, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert engine.stdout is not None
        started = [int((await engine.stdout.readline()).split()[1]) for _ in range(12)]
        below = descendants(engine.pid)
        assert set(started) < set(below), "the processes are descendants of the engine while it runs"
    except BaseException:
        engine.kill()
        raise

    await until_gone(below, engine.kill)
    await engine.wait()


@linux_only
async def test_a_process_survives_its_launcher_and_the_next_gets_a_new_launcher(
    launcher: Launcher, programs: Programs
) -> None:
    command = programs.command("import time; print('ready'); time.sleep(600)")
    process = await launcher.launch(command, programs.on_output)
    await programs.wait_for("ready")
    launcher_pid = parent_of(parent_of(process.pid))
    assert parent_of(launcher_pid) == os.getpid()

    await until_gone([launcher_pid], lambda: os.kill(launcher_pid, signal.SIGKILL))

    other = await launcher.launch(command, programs.on_output)
    assert parent_of(parent_of(other.pid)) != launcher_pid
    assert is_alive(process.pid)
    assert await process.stop(1) == await other.stop(1) == ExitStatus(signal=signal.SIGTERM)


@linux_only
async def test_a_launcher_killed_just_before_a_launch(launcher: Launcher, programs: Programs) -> None:
    first = await launcher.launch(programs.command("import time; time.sleep(600)"), programs.on_output)

    os.kill(parent_of(parent_of(first.pid)), signal.SIGKILL)

    assert (await run(launcher, programs.command("print('fine')"), programs.on_output)).ok
    await first.stop(0)


@linux_only
async def test_the_process_ends_with_its_killed_supervisor(launcher: Launcher, programs: Programs) -> None:
    process = await launcher.launch(programs.command(FAMILY.format(then="time.sleep(600)")), programs.on_output)
    await programs.wait_for(f"pid {process.pid}")
    supervisor = parent_of(process.pid)

    async with asyncio.timeout(20):
        await until_gone(pids(programs), lambda: os.kill(supervisor, signal.SIGKILL))
        assert await process.wait() == ExitStatus(signal=signal.SIGKILL)

    assert (await run(launcher, programs.command("print('fine')"), programs.on_output)).ok


@linux_only
async def test_the_whole_tree_ends_if_launcher_and_supervisor_are_killed(
    launcher: Launcher, programs: Programs, tmp_path: Path
) -> None:
    temporary = tmp_path / "omlc-job-abcdefgh"
    temporary.mkdir()
    # Children of its session, and one that is in no tree and no session of its own (executed, not forked only).
    source = """
        import os, subprocess, sys
        sleep = "import os, time; os.write(1, b'pid %d\\\\n' % os.getpid()); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", sleep])
        subprocess.Popen([sys.executable, "-c", f"import os; os.setsid(); os.fork() and os._exit(0); {sleep}"])
        if os.fork() == 0:
            exec(sleep)
        exec(sleep)
        """
    process = await launcher.launch(programs.command(source, TMPDIR=str(temporary)), programs.on_output)
    async with asyncio.timeout(60):
        while len(pids(programs)) < 4:
            await programs.wait_for("pid ")
            await asyncio.sleep(0.01)
    supervisor = parent_of(process.pid)
    await until_gone([parent_of(supervisor)], lambda: os.kill(parent_of(supervisor), signal.SIGKILL))
    await until_gone(pids(programs), lambda: os.kill(supervisor, signal.SIGKILL))
    assert await process.wait() == ExitStatus(signal=signal.SIGKILL)


@linux_only
async def test_a_cancelled_launch_leaves_no_process(programs: Programs) -> None:
    programs.write("import time; time.sleep(1)", "slow")
    programs.interpreter = Interpreter(preload=("slow",))
    launcher = Launcher(LauncherKind.WARM, environ={"PYTHONPATH": str(programs.folder)})
    started = programs.folder / "started"
    command = programs.command(f"open({str(started)!r}, 'w'); import time; time.sleep(600)")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await launcher.launch(command, programs.on_output)
    assert (await run(launcher, programs.command("print('fine')"), programs.on_output)).ok

    assert not started.exists()
    await launcher.close()
