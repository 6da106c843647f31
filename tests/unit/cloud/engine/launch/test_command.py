import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.engine.launch.command import Command, ExitStatus, Interpreter
from cloud.errors import InvalidArgument


def command(environ: dict[str, str], *import_path: str) -> Command:
    return Command("m", (), environ, Path("/"), tuple(map(Path, import_path)))


def test_environ_is_not_changed() -> None:
    environ = {"LANG": "de_DE.UTF-8", "A": "=b c"}

    assert command(environ).full_environ() == environ


def test_import_path_comes_before_an_inherited_python_path() -> None:
    environ = command({"PYTHONPATH": "/c:/d", "LC_ALL": "C"}, "/a", "/b").full_environ()

    assert environ == {"PYTHONPATH": "/a:/b:/c:/d", "LC_ALL": "C"}


def test_without_a_locale_the_encoding_is_utf_8() -> None:
    assert command({"LANG": ""}).full_environ() == {"LANG": "C.UTF-8"}


def test_programs_are_those_of_the_interpreters_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(Path(sys.executable).parent)
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")  # this process's Python is in a virtual environment
    given = {"PATH": os.pathsep.join(["/first", own, "/last"]), "VIRTUAL_ENV": sys.prefix, "LANG": "C"}
    other = tmp_path / "bin" / "python3"

    environ = replace(command(given), interpreter=Interpreter(other)).full_environ()
    assert environ == {"PATH": os.pathsep.join([str(other.parent), "/first", "/last"]), "LANG": "C"}

    (tmp_path / "pyvenv.cfg").touch()
    environ = replace(command(given), interpreter=Interpreter(other)).full_environ()
    assert environ["VIRTUAL_ENV"] == str(tmp_path)

    assert command(given).full_environ() == given


@pytest.mark.parametrize("environ", [{"A=B": ""}, {"": "x"}, {"A": "\0"}, {"A\0": ""}])
def test_invalid_variables(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        command(environ)


@pytest.mark.parametrize(
    ("status", "text", "ok"),
    [
        (ExitStatus(0), "exited with status 0", True),
        (ExitStatus(3), "exited with status 3", False),
        (ExitStatus(signal=9), "was killed by signal 9 (SIGKILL)", False),
        (ExitStatus(signal=40), "was killed by signal 40", False),
    ],
)
def test_exit_status(status: ExitStatus, text: str, ok: bool) -> None:
    assert (str(status), status.ok) == (text, ok)


@pytest.mark.parametrize("both_or_none", [{}, {"code": 0, "signal": 9}])
def test_an_exit_status_is_either_a_code_or_a_signal(both_or_none: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="either"):
        ExitStatus(**both_or_none)


@pytest.mark.parametrize("limits", [{"RLIMIT_NOTHING": 1}, {"NOFILE": 1}, {"RLIMIT_NOFILE": -1}])
def test_invalid_limits(limits: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match="not a limit"):
        Command("m", (), {}, Path("/"), limits=limits)
