"""Warm and cold processes behave like ``python -m``."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.launch.client import Command, ExitStatus, Launcher
from cloud.engine.launch.command import Interpreter
from cloud.errors import FailedPrecondition, InvalidArgument
from integration.launch.programs import (
    ENVIRON,
    KINDS,
    PRELOADED,
    Programs,
    run,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[Launcher]:
    """One of each kind for all tests: a process leaves no trace in the next one."""
    launcher = Launcher(request.param)
    yield launcher
    await launcher.close()


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
    "processes of its own": """
        import multiprocessing as mp, sys
        class Thing: pass
        def work(x): return Thing(), x, __name__, sys.executable, str(sys.flags)
        if __name__ == "__main__":
            for method in ("spawn", "fork"):
                with mp.get_context(method).Pool(1) as pool:
                    (thing, *rest), = pool.map(work, [1])
                    print(type(thing) is Thing, rest)
            print(mp.get_start_method(), mp.current_process().name, mp.parent_process())
        """,
    "threads": """
        import threading
        print(threading.main_thread().native_id == threading.get_native_id(), threading.main_thread().ident is not None)
        """,
    "memory is protected from it": "import ctypes; print(ctypes.CDLL(None).getpid() > 0)",
    "recursion": "import sys; sys.stderr = open('/dev/null', 'w')\ndef f(): f()\nf()",
}


@pytest.mark.parametrize("source", LIKE_PYTHON.values(), ids=LIKE_PYTHON.keys())
async def test_same_as_python_m(launcher: Launcher, programs: Programs, source: str) -> None:
    command = programs.command(source, "--a", "b c", TMPDIR=str(programs.folder))

    status = await run(launcher, command, programs.on_output)

    expected = await python_m(command)
    assert programs.text("stdout").splitlines() == expected.stdout.splitlines()
    assert programs.text("stderr").splitlines() == expected.stderr.splitlines()
    assert status == exit_status(expected)


async def python_m(command: Command) -> subprocess.CompletedProcess[str]:
    """The reference: the same command run by ``python -m``."""
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
    command = Command(module, (), ENVIRON, programs.folder, (programs.folder,), PRELOADED)

    status = await run(launcher, command, programs.on_output)

    expected = await python_m(command)
    assert programs.text("stderr").splitlines() == expected.stderr.splitlines()
    assert (programs.text().splitlines(), status) == (expected.stdout.splitlines(), exit_status(expected))


async def test_the_environment_is_the_given_one_also_for_c(launcher: Launcher, programs: Programs) -> None:
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
    command = replace(command, environ={**given, "GIVEN": repr(given)}, import_path=())

    assert (await run(launcher, command, programs.on_output)).ok

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

    assert (await run(launcher, command, programs.on_output)).ok

    mine = str(programs.folder / "mine.py")
    assert programs.text().splitlines() == [f"{mine} {programs.folder}", mine, "[]"]


async def test_own_module_wins_over_a_preloaded_one(launcher: Launcher, programs: Programs) -> None:
    programs.write("mine = True", "colorsys")

    assert (await run(launcher, programs.command("import colorsys; print(colorsys.mine)"), programs.on_output)).ok

    assert programs.text() == "True"


async def test_each_process_has_its_own_randomness(programs: Programs) -> None:
    programs.interpreter = Interpreter(preload=("random", "numpy.random", "multiprocessing"))
    launcher = Launcher(KINDS[-1])
    command = programs.command(
        """
        import multiprocessing, random, numpy, uuid
        key = bytes(multiprocessing.current_process().authkey).hex()
        print(random.random(), numpy.random.rand(), uuid.uuid4(), key)
        """
    )
    try:
        for _ in range(2):
            assert (await run(launcher, command, programs.on_output)).ok
    finally:
        await launcher.close()

    first, second = (line.text.split() for line in programs.lines)
    assert all(mine != yours for mine, yours in zip(first, second, strict=True))


async def test_a_megabyte_without_newline(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import sys; sys.stdout.write('ü' * 500_000 + '!')")

    assert (await run(launcher, command, programs.on_output)).ok

    texts = [line.text for line in programs.lines]
    assert "".join(texts) == "ü" * 500_000 + "!"
    assert max(len(text.encode()) for text in texts) <= 65536


async def test_many_lines_arrive_complete_and_in_order(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("for n in range(50_000): print(n)")

    assert (await run(launcher, command, programs.on_output)).ok

    assert [line.text for line in programs.lines] == [str(number) for number in range(50_000)]
    times = [line.time for line in programs.lines]
    assert times == sorted(times)
    assert times[0].tzinfo is not None


async def test_many_at_once(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import os; print(os.getpid())")

    statuses = await asyncio.gather(*(run(launcher, command, programs.on_output) for _ in range(20)))

    assert all(status.ok for status in statuses)
    assert len({line.text for line in programs.lines}) == 20


async def test_folder_that_does_not_exist(launcher: Launcher, programs: Programs) -> None:
    with pytest.raises(FailedPrecondition, match="No such file"):
        await launcher.launch(Command("json.tool", (), ENVIRON, programs.folder / "absent"), programs.on_output)

    assert (await run(launcher, programs.command("print('fine')"), programs.on_output)).ok


@pytest.mark.parametrize("change", [{"argv": ("a\0b",)}, {"environ": {"A=B": "c"}}, {"environ": {"": "c"}}])
async def test_arguments_and_variables_that_no_process_can_have(change: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        Command(**{"module": "m", "argv": (), "environ": {}, "cwd": Path("/"), **change})  # type: ignore[arg-type]


async def test_another_interpreter_is_started_cold(launcher: Launcher, programs: Programs) -> None:
    command = programs.command("import sys; print(sys.executable, 'colorsys' in sys.modules, sys.argv[1:])", "a b")
    link = programs.folder / "python of another runtime"
    link.symlink_to(sys.executable)
    assert (await run(launcher, replace(command, interpreter=Interpreter(link)), programs.on_output)).ok
    assert programs.text() == f"{link} False ['a b']"


OLDER = [
    *(Path(folder) / f"python3.{minor}" for minor in range(7, 11) for folder in ("/usr/bin", "/usr/local/bin")),
    *Path.home().glob(".pyenv/versions/3.[789].*/bin/python"),
    *Path.home().glob(".pyenv/versions/3.10.*/bin/python"),
]


async def test_a_python_without_safe_path_is_started_cold_even_if_it_has_modules_to_preload(
    launcher: Launcher, programs: Programs
) -> None:
    older = [found for found in OLDER if found.exists()]
    if not older:
        pytest.skip("no Python older than 3.11 is installed")
    command = programs.command("import json, sys; print(json.dumps([sys.executable, sys.version_info < (3, 11)]))")
    interpreter = Interpreter(older[0], ("json",), (3, 7))

    assert (await run(launcher, replace(command, interpreter=interpreter), programs.on_output)).ok

    assert json.loads(programs.text()) == [str(older[0]), True]


async def test_a_missing_interpreter(launcher: Launcher, programs: Programs) -> None:
    command = replace(programs.command(""), interpreter=Interpreter(programs.folder / "none"))
    assert await run(launcher, command, programs.on_output) == ExitStatus(127)
    assert programs.text("stderr") == f"cannot run {programs.folder / 'none'}: No such file or directory"


async def test_limits_apply_to_a_process_and_its_children(launcher: Launcher, programs: Programs) -> None:
    source = """
        import os, resource
        if os.fork() == 0:
            print(resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)
            os._exit(0)
        os.wait()
    """
    assert (await run(launcher, replace(programs.command(source), limits={"RLIMIT_NOFILE": 77}), programs.on_output)).ok
    assert programs.text() == "(77, 77)"
