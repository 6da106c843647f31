"""Processes as they come and go: warm and cold must both be what ``python -m`` is."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.engine.launch.client import Command, ExitStatus, Launcher, OutputLine
from cloud.errors import FailedPrecondition, InvalidArgument, Unavailable
from cloud.settings import LauncherKind

ENVIRON = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SPACED": " a=b\tü "}
KINDS = [LauncherKind.COLD, *([LauncherKind.WARM] if sys.platform == "linux" else [])]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="process trees can only be followed on Linux")


class Programs:
    """Modules in a folder of their own, and how to run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[OutputLine] = []

    def write(self, source: str, module: str = "program") -> str:
        path = self.folder / (module.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return module

    def command(self, source: str, *argv: str, **environ: str) -> Command:
        return Command(self.write(source), argv, {**ENVIRON, **environ}, self.folder, (self.folder,))

    def text(self, stream: str = "stdout") -> str:
        return "\n".join(line.text for line in self.lines if line.stream == stream)

    async def said(self, text: str) -> None:
        """Wait until the standard output holds ``text``."""
        async with asyncio.timeout(20):
            while text not in self.text():
                self._heard = asyncio.Event()
                await self._heard.wait()

    def hear(self, line: OutputLine) -> None:
        self.lines.append(line)
        with suppress(AttributeError):
            self._heard.set()


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    return Programs(folder)


@pytest.fixture(params=KINDS)
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[Launcher]:
    launcher = Launcher(request.param, preload=("json", "colorsys", "tempfile"))
    await launcher.start()
    yield launcher
    await launcher.close()


async def run(launcher: Launcher, command: Command, on_output: Callable[[OutputLine], None]) -> ExitStatus:
    async with asyncio.timeout(30):
        return await (await launcher.launch(command, on_output)).wait()


async def until_gone(pids: list[int], act: Callable[[], None] = lambda: None) -> None:
    """``act``, then wait until no process of ``pids`` lives."""
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    act()
    for handle in handles:
        readable, _, _ = await asyncio.to_thread(select.select, [handle], [], [], 20)
        os.close(handle)
        assert readable, f"one of {pids} still runs"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


LIKE_PYTHON = {
    "prints": "print('one'); print('zwei ü')",
    "exits 0": "import sys; sys.exit()",
    "exits 3": "import sys; sys.exit(3)",
    "exits with text": "import sys; sys.exit('no data')",
    "exits with an object": "import sys; sys.exit((1, 2))",
    "exits with a huge number": "import sys; sys.exit(2**40)",
    "exits at once": "import os; print('kept'); os._exit(4)",
    "raises": "def f():\n    raise ValueError('boo')\nf()",
    "raises from": "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError('x') from e",
    "raises while handling": "try:\n    1/0\nexcept ZeroDivisionError:\n    {}['x']",
    "raises a group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "own excepthook": """
        import sys
        sys.excepthook = lambda kind, value, trace: print('hook', kind, value, trace.tb_frame.f_code.co_name)
        raise ValueError(1)
        """,
    "syntax error": "def f(:\n  pass",
    "interrupted": "raise KeyboardInterrupt",
    "kills itself": "import os; print('last', end=''); os.kill(os.getpid(), 9)",
    "terminates itself": "import os; os.kill(os.getpid(), 15)",
    "aborts": "import os; os.abort()",
    "at exit": "import atexit; atexit.register(print, 'bye'); print('hi')",
    "at exit after a failure": "import atexit; atexit.register(print, 'bye'); raise ValueError('boo')",
    "thread goes on": "import threading\nt = threading.Timer(0.1, print, ['late'])\nt.start()\nprint('main done')",
    "buffered bytes": "import sys; sys.stdout.buffer.write(b'raw'); sys.stdout.write('text')",
    "no newline": "print('unfinished', end='')",
    "standard input": "import sys; print(repr(sys.stdin.read()), sys.stdin.isatty())",
    "main module": """
        import pickle, sys
        class Thing: pass
        print(type(pickle.loads(pickle.dumps(Thing()))) is Thing, sys.modules['__main__'].Thing is Thing)
        print(__name__, __spec__.name, __package__, __file__, __builtins__ is __import__('builtins'), sorted(globals()))
        """,
    "arguments": "import sys; print(sys.argv, sys.orig_argv[1:], sys.path, sys.flags, sys.executable)",
    "environment": "import os; print(sorted(os.environ.items())); os.system('env -u _ -u PWD -u SHLVL | sort')",
    "state": """
        import gc, os, signal, sys, threading, locale, resource, tempfile
        for number in signal.valid_signals():
            print(number, signal.getsignal(number))
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), os.getsid(0) == os.getpgid(0) == os.getpid())
        print(gc.isenabled(), gc.get_threshold(), os.umask(0o22), os.getcwd())
        print([thread.name for thread in threading.enumerate()])
        print(locale.getlocale(), sys.getfilesystemencoding())
        print([(stream.encoding, stream.errors, stream.mode) for stream in (sys.stdin, sys.stdout, sys.stderr)])
        print(sys.stdout.write_through, sys.stdout.line_buffering, sys.stdout.fileno(), tempfile.gettempdir())
        print([resource.getrlimit(n) for n in range(16)], sys.getrecursionlimit(), sys.getswitchinterval())
        print(sorted(os.listdir('/proc/self/fd')) if sys.platform == 'linux' else '')
        """,
    "memory is protected from it": "import ctypes; print(ctypes.CDLL(None).getpid() > 0)",
    "recursion": "import sys; sys.stderr = open('/dev/null', 'w')\ndef f(): f()\nf()",
}


@pytest.mark.parametrize("source", LIKE_PYTHON.values(), ids=LIKE_PYTHON.keys())
async def test_same_as_python_m(launcher: Launcher, programs: Programs, source: str) -> None:
    command = programs.command(source, "--a", "b c", TMPDIR=str(programs.folder))

    status = await run(launcher, command, programs.hear)

    expected = await python_m(command)
    assert programs.text("stdout").splitlines() == expected.stdout.splitlines()
    assert programs.text("stderr").splitlines() == expected.stderr.splitlines()
    assert status == exit_status(expected)


async def python_m(command: Command) -> subprocess.CompletedProcess[str]:
    """What is to be imitated."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", "-u", "-X", "utf8", "-m", command.module, *command.argv],
        env=command.full_environ(),
        cwd=command.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=30,
        check=False,
    )


def exit_status(process: "subprocess.CompletedProcess[str]") -> ExitStatus:
    code = process.returncode
    return ExitStatus(signal=-code) if code < 0 else ExitStatus(code=code)


@pytest.mark.parametrize(
    "module", ["absent", "absent.task", "program.absent", "json.absent", "folder", "package", "broken"]
)
async def test_module_lookup_same_as_python_m(launcher: Launcher, programs: Programs, module: str) -> None:
    programs.write("")
    programs.write("", "package.__init__")
    programs.write("print(__name__, __file__)", "package.__main__")
    programs.write("", "folder.something")
    programs.write("import absent_too", "broken")
    command = Command(module, (), ENVIRON, programs.folder, (programs.folder,))

    status = await run(launcher, command, programs.hear)

    expected = await python_m(command)
    assert programs.text("stderr").splitlines() == expected.stderr.splitlines()
    assert (programs.text().splitlines(), status) == (expected.stdout.splitlines(), exit_status(expected))


async def test_environment_is_what_was_given_also_for_c(launcher: Launcher, programs: Programs) -> None:
    command = programs.command(
        """
        import ctypes, os
        getenv = ctypes.CDLL(None).getenv
        getenv.restype = ctypes.c_char_p
        print(getenv(b"https_proxy"), getenv(b"SPACED").decode(), getenv(b"HOME"))
        print(os.environ == {**eval(os.environ["GIVEN"]), "GIVEN": os.environ["GIVEN"]})
        """,
        https_proxy="http://127.0.0.1:1",
    )
    given = command.full_environ()
    command = Command(command.module, (), {**given, "GIVEN": repr(given)}, command.cwd)

    assert (await run(launcher, command, programs.hear)).ok

    assert programs.text() == "b'http://127.0.0.1:1'  a=b\tü  None\nTrue"


async def test_import_path_comes_first_and_reaches_children(launcher: Launcher, programs: Programs) -> None:
    programs.write("where = __file__", "mine")
    command = programs.command(
        """
        import subprocess, sys, mine
        print(mine.where, sys.path[0])
        subprocess.run([sys.executable, "-c", "import mine; print(mine.where)"], cwd="/")
        print([folder for folder in sys.path if folder.endswith(("cloud/engine/launch", "tests"))])
        """
    )

    assert (await run(launcher, command, programs.hear)).ok

    mine = str(programs.folder / "mine.py")
    assert programs.text().splitlines() == [f"{mine} {programs.folder}", mine, "[]"]


async def test_own_module_wins_over_a_preloaded_one(launcher: Launcher, programs: Programs) -> None:
    programs.write("mine = True", "colorsys")

    assert (await run(launcher, programs.command("import colorsys; print(colorsys.mine)"), programs.hear)).ok

    assert programs.text() == "True"


async def test_each_process_has_its_own_randomness(programs: Programs) -> None:
    launcher = Launcher(KINDS[-1], preload=("random", "numpy.random"))
    command = programs.command("import random, numpy, uuid; print(random.random(), numpy.random.rand(), uuid.uuid4())")
    try:
        for _ in range(2):
            assert (await run(launcher, command, programs.hear)).ok
    finally:
        await launcher.close()

    first, second = (line.text.split() for line in programs.lines)
    assert all(mine != yours for mine, yours in zip(first, second, strict=True))


async def test_a_megabyte_without_newline(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import sys; sys.stdout.write('ü' * 500_000 + '!')")

    assert (await run(launcher, command, programs.hear)).ok

    texts = [line.text for line in programs.lines]
    assert "".join(texts) == "ü" * 500_000 + "!"
    assert max(len(text.encode()) for text in texts) <= 65536


async def test_many_lines_arrive_complete_and_in_order(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("for n in range(50_000): print(n)")

    assert (await run(launcher, command, programs.hear)).ok

    assert [line.text for line in programs.lines] == [str(number) for number in range(50_000)]
    times = [line.time for line in programs.lines]
    assert times == sorted(times)
    assert times[0].tzinfo is not None


async def test_many_at_once(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import os; print(os.getpid())")

    statuses = await asyncio.gather(*(run(launcher, command, programs.hear) for _ in range(20)))

    assert all(status.ok for status in statuses)
    assert len({line.text for line in programs.lines}) == 20


async def test_folder_that_does_not_exist(launcher: Launcher, programs: Programs) -> None:
    with pytest.raises(FailedPrecondition, match="No such file"):
        await launcher.launch(Command("json.tool", (), ENVIRON, programs.folder / "absent"), programs.hear)

    assert (await run(launcher, programs.command("print('fine')"), programs.hear)).ok


@pytest.mark.parametrize("change", [{"argv": ("a\0b",)}, {"environ": {"A=B": "c"}}, {"environ": {"": "c"}}])
def test_what_no_process_can_be_given(change: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        Command(**{"module": "m", "argv": (), "environ": {}, "cwd": Path("/"), **change})  # type: ignore[arg-type]


# ---------------------------------------------------------------- ends


FAMILY = """
    import os, signal, subprocess, sys, time

    def daemon(depth):
        # as daemons do: a new session, the parent gone, everything ignored
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
async def test_what_it_started_ends_with_it(
    launcher: Launcher, programs: Programs, then: str, expected: ExitStatus
) -> None:
    command = programs.command(FAMILY.format(then=f"import select; select.select([], [], [], 0.3); {then}"))

    status = await run(launcher, command, programs.hear)

    assert status == expected
    assert len(pids(programs)) == 4
    assert not any(is_alive(pid) for pid in pids(programs))


@linux_only
async def test_stop_ends_the_whole_tree(launcher: Launcher, programs: Programs) -> None:
    process = await launcher.launch(programs.command(FAMILY.format(then="time.sleep(600)")), programs.hear)
    await programs.said(f"pid {process.pid}")

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
        programs.hear,
    )
    await programs.said("ready")

    status = await process.stop(20)

    assert status == ExitStatus(7)
    assert programs.lines[-1].text == "saved"


@pytest.mark.parametrize("action", ["signal.signal(signal.SIGTERM, signal.SIG_IGN)", "os.kill(os.getpid(), 19)"])
async def test_one_that_ignores_sigterm_or_stands_still(launcher: Launcher, programs: Programs, action: str) -> None:
    process = await launcher.launch(
        programs.command(f"import os, signal, time; print('ready'); {action}; time.sleep(600)"), programs.hear
    )
    await programs.said("ready")

    async with asyncio.timeout(10):
        status = await process.stop(0.3)

    assert status.signal in (signal.SIGKILL, signal.SIGTERM)
    assert not is_alive(process.pid)


@linux_only
async def test_one_that_keeps_fleeing(launcher: Launcher, programs: Programs) -> None:
    # The child lives on as another process, over and over, and hears no signal.
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
        programs.hear,
    )
    await programs.said("ready")

    async with asyncio.timeout(20):
        assert await process.stop(0.1) == ExitStatus(signal=signal.SIGKILL)


async def test_close_ends_everything(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import time; print('ready'); time.sleep(600)")
    first, second = [await launcher.launch(command, programs.hear) for _ in range(2)]
    await programs.said("ready\nready")

    await launcher.close()
    await launcher.close()

    assert await first.wait() == await second.wait() == ExitStatus(signal=signal.SIGTERM)
    assert not is_alive(first.pid)
    assert not is_alive(second.pid)


ENGINE = """
    import asyncio, sys
    from pathlib import Path
    from cloud.engine.launch.client import Command, Launcher
    from cloud.settings import LauncherKind

    async def main(kind, folder):
        launcher = Launcher(LauncherKind(kind), preload=("json",))
        command = Command("program", (), {}, folder, (folder,))
        await launcher.launch(command, lambda line: print(line.text, flush=True))
        await asyncio.Event().wait()

    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
    """


@linux_only
@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_outlives_an_engine_that_was_killed(programs: Programs, kind: LauncherKind) -> None:
    programs.command(FAMILY.format(then="time.sleep(600)"))
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(ENGINE), kind.value, str(programs.folder)),
        stdout=asyncio.subprocess.PIPE,
        env={**ENVIRON, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert engine.stdout is not None
        found = [int((await engine.stdout.readline()).split()[1]) for _ in range(4)]
        below = descendants(engine.pid)
        assert set(found) < set(below), "the tree is below the engine as long as it lives"
    except BaseException:
        engine.kill()
        raise

    await until_gone(below, engine.kill)
    await engine.wait()


def descendants(ancestor: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [ancestor]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found[1:]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@linux_only
async def test_a_process_survives_its_launcher_and_the_next_has_another(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import time; print('ready'); time.sleep(600)")
    process = await launcher.launch(command, programs.hear)
    await programs.said("ready")
    launcher_pid = parent_of(parent_of(process.pid))
    assert parent_of(launcher_pid) == os.getpid()

    await until_gone([launcher_pid], lambda: os.kill(launcher_pid, signal.SIGKILL))

    other = await launcher.launch(command, programs.hear)
    assert parent_of(parent_of(other.pid)) != launcher_pid
    assert is_alive(process.pid)
    assert await process.stop(1) == await other.stop(1) == ExitStatus(signal=signal.SIGTERM)


@linux_only
async def test_launcher_killed_just_before_a_launch(launcher: Launcher, programs: Programs) -> None:
    first = await launcher.launch(programs.command("import time; time.sleep(600)"), programs.hear)

    os.kill(parent_of(parent_of(first.pid)), signal.SIGKILL)

    assert (await run(launcher, programs.command("print('fine')"), programs.hear)).ok
    await first.stop(0)


@linux_only
async def test_supervisor_that_is_killed_takes_its_process_with_it(launcher: Launcher, programs: Programs) -> None:
    process = await launcher.launch(programs.command(FAMILY.format(then="time.sleep(600)")), programs.hear)
    await programs.said(f"pid {process.pid}")
    supervisor = parent_of(process.pid)

    async with asyncio.timeout(20):
        await until_gone(pids(programs), lambda: os.kill(supervisor, signal.SIGKILL))
        assert await process.wait() == ExitStatus(signal=signal.SIGKILL)

    assert (await run(launcher, programs.command("print('fine')"), programs.hear)).ok


@linux_only
async def test_launch_that_is_given_up_leaves_nothing(programs: Programs) -> None:
    programs.write("import time; time.sleep(1)", "slow")
    launcher = Launcher(LauncherKind.WARM, preload=("slow",), environ={"PYTHONPATH": str(programs.folder)})
    started = programs.folder / "started"
    command = programs.command(f"open({str(started)!r}, 'w'); import time; time.sleep(600)")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await launcher.launch(command, programs.hear)
    assert (await run(launcher, programs.command("print('fine')"), programs.hear)).ok

    assert not started.exists()
    await launcher.close()


# ---------------------------------------------------------------- preload


@linux_only
async def test_requests_wait_for_the_preload(programs: Programs) -> None:
    programs.write("import time; time.sleep(0.5); print('loaded')", "slow")
    launcher = Launcher(LauncherKind.WARM, preload=("slow",), environ={"PYTHONPATH": str(programs.folder)})
    command = programs.command("import sys; print('slow' in sys.modules)")

    statuses = await asyncio.gather(*(run(launcher, command, programs.hear) for _ in range(3)))

    assert all(status.ok for status in statuses)
    assert [line.text for line in programs.lines] == ["True"] * 3
    await launcher.close()


@linux_only
@pytest.mark.parametrize(
    ("source", "reason"),
    [("import absent_module", "No module named 'absent_module'"), ("import sys; sys.exit(3)", "SystemExit: 3")],
)
async def test_preload_that_fails(programs: Programs, source: str, reason: str) -> None:
    programs.write(source, "bad")
    launcher = Launcher(LauncherKind.WARM, preload=("json", "bad"), environ={"PYTHONPATH": str(programs.folder)})

    with pytest.raises(Unavailable, match=f"cannot preload bad: .*{reason}"):
        await launcher.ready()
    with pytest.raises(Unavailable, match="cannot preload bad"):
        await launcher.launch(programs.command("print('never')"), programs.hear)

    assert programs.lines == []
    await launcher.close()
    await launcher.close()


@linux_only
async def test_close_while_loading(programs: Programs) -> None:
    programs.write("import time; time.sleep(600)", "slow")
    launcher = Launcher(LauncherKind.WARM, preload=("slow",), environ={"PYTHONPATH": str(programs.folder)})
    await launcher.start()

    async with asyncio.timeout(10):
        await launcher.close()


TRAIN = """
    import os, sys
    import numpy, tensorflow as tf

    weight = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.SGD(0.1)
    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((weight * x - 3.0 * x) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])
    for x in tf.data.Dataset.from_tensor_slices(tf.ones([200, 4])).map(lambda x: x, num_parallel_calls=2).batch(4):
        step(x)
    print("weight", round(float(weight), 3))
    print("random", float(tf.random.uniform([])), float(tf.keras.random.uniform([])))
    tf.saved_model.save(tf.Module(), sys.argv[1])
    print(sorted(os.listdir(sys.argv[1])))
    try:
        tf.io.gfile.GFile("gs://bucket/object").read()
    except tf.errors.OpError as error:
        print("bucket", type(error).__name__)
    """


@linux_only
async def test_tensorflow_trains_in_two_forks_at_once(programs: Programs, tmp_path: Path) -> None:
    callers: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(await reader.readline())
        writer.close()

    proxy = await asyncio.start_server(answer, "127.0.0.1")
    port = proxy.sockets[0].getsockname()[1]
    # TensorFlow reads how often to try again when it is loaded; the proxy, at each request.
    launcher = Launcher(
        LauncherKind.WARM, preload=("tensorflow", "keras"), environ={"GCS_RETRY_CONFIG_MAX_RETRIES": "0"}
    )
    command = programs.command(
        TRAIN,
        https_proxy=f"http://127.0.0.1:{port}",
        GOOGLE_AUTH_TOKEN_FOR_TESTING="x",  # noqa: S106 - none
    )
    commands = [replace(command, argv=(str(tmp_path / name),)) for name in ("a", "b")]
    try:
        await launcher.ready()
        statuses = await asyncio.gather(*(run(launcher, each, programs.hear) for each in commands))
    finally:
        await launcher.close()
        proxy.close()

    assert all(status.ok for status in statuses), programs.text("stderr")
    lines = programs.text().splitlines()
    assert lines.count("weight 3.0") == 2
    randoms = [set(line.split()[1:]) for line in lines if line.startswith("random")]
    assert len(randoms[0] | randoms[1]) == 4
    assert sum("saved_model.pb" in line for line in lines) == 2
    assert sum(line.startswith("bucket ") for line in lines) == 2
    assert len(callers) >= 2
    assert all(re.match(rb"CONNECT \w+\.googleapis\.com:443 ", line) for line in callers)
