"""The folder of programs of an environment that shows another one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.engine.runtimes.scripts import add_scripts, make_bin, recorded_scripts

BODY = "import sys\nprint(sys.argv[0].rpartition('/')[2], sys.argv[1:])\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old bin"
    folder.mkdir()
    return folder


def script(path: Path, head: str, mode: int = 0o755) -> Path:
    path.write_text(f"{head}\n{BODY}")
    path.chmod(mode)
    return path


def test_programs_run_in_the_other_interpreter(tmp_path: Path, old: Path) -> None:
    gone = tmp_path / "gone/python3"
    plain = script(old / "plain", f"#!{gone}")
    flags = script(old / "flags", f"#!{gone} -I")
    wrapped = script(old / "wrapped", f"#!/bin/sh\n'''exec' \"{gone}\" \"$0\" \"$@\"\n' '''")
    make_bin(tmp_path / "bin", Path(sys.executable), sys.version_info[:2])

    add_scripts(tmp_path / "bin", [plain, flags, wrapped], [gone], tmp_path / "bin" / "python3")

    for name in ("plain", "flags", "wrapped"):
        done = subprocess.run([tmp_path / "bin" / name, "a b"], capture_output=True, text=True, check=True)
        assert done.stdout == f"{name} ['a b']\n"


def test_a_long_path_of_the_interpreter_and_one_with_spaces(tmp_path: Path, old: Path) -> None:
    for name in ("x" * 150, "a b"):
        folder = tmp_path / name
        make_bin(folder, Path(sys.executable), sys.version_info[:2])
        add_scripts(folder, [script(old / "tool", "#!/gone/python")], [Path("/gone/python")], folder / "python")
        done = subprocess.run([folder / "tool", "a b"], capture_output=True, text=True, check=True)
        assert done.stdout == "tool ['a b']\n"


def test_other_programs_are_links_and_interpreters_are_not_taken(tmp_path: Path, old: Path) -> None:
    shell, binary = script(old / "shell", "#!/bin/sh"), old / "binary"
    binary.write_bytes(b"\x7fELF\0")
    names = ("python", "python3.9", "activate", "activate.fish", "Activate.ps1", "deactivate.bat")
    make_bin(tmp_path / "bin", Path(sys.executable), (3, 11))
    programs = [shell, binary, old / "missing", *(script(old / name, "#!/x") for name in names)]

    add_scripts(tmp_path / "bin", programs, [Path("/gone")], tmp_path / "bin/python")

    assert sorted(os.listdir(tmp_path / "bin")) == ["binary", "python", "python3", "python3.11", "shell"]
    assert (tmp_path / "bin/shell").readlink() == shell
    assert os.path.realpath(tmp_path / "bin/python") == os.path.realpath(sys.executable)


def test_scripts_among_the_files_of_a_distribution(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    files = ["a/__init__.py", "a/bin/tool", "../../../bin/a", "../../../share/man/a.1", "/usr/bin/b"]

    assert recorded_scripts(site, files) == {tmp_path / "bin/a", Path("/usr/bin/b")}
