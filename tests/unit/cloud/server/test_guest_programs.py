import subprocess
import sys
from pathlib import Path

import pytest

from cloud.server import guest_programs, shells
from cloud.server.guest_programs import placement, search_path, write_programs
from cloud.settings import GcloudMode


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (GcloudMode.AUTO, "/usr/bin:/bin:/p"),
        (GcloudMode.EMULATED, "/p:/usr/bin:/bin"),
        (GcloudMode.OFF, "/usr/bin:/bin"),
    ],
)
def test_the_search_path(mode: GcloudMode, expected: str) -> None:
    assert search_path(mode, Path("/p"), "/usr/bin:/bin") == expected


def test_it_is_on_the_search_path_once() -> None:
    assert search_path(GcloudMode.EMULATED, Path("/p"), "/bin:/p") == "/p:/bin"


def test_the_programs_run_in_this_interpreter_whatever_the_callers_folder_holds(tmp_path: Path) -> None:
    write_programs(tmp_path / "programs", sys.executable)
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    for name in ("docker", "gcloud", "gsutil"):
        done = subprocess.run(
            [tmp_path / "programs" / name, "--version"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert f"This {name} is the stand-in" in done.stdout


@pytest.mark.parametrize("mode", [GcloudMode.AUTO, GcloudMode.EMULATED])
def test_another_shell_keeps_its_own_search_path(tmp_path: Path, mode: GcloudMode) -> None:
    folder = tmp_path / "owner's" / guest_programs.NAME
    environ = {"CLOUDSDK_CONFIG": str(folder.parent / "gcloud"), "PATH": search_path(mode, folder, "/bin")}
    script = shells.script("bash", environ, [])
    done = subprocess.run(
        ["/bin/bash", "-c", f'{script}{script}printf %s "$PATH"'],
        env={"PATH": "/usr/bin:/my own"},
        capture_output=True,
        text=True,
        check=True,
    )
    first = mode is GcloudMode.EMULATED
    assert done.stdout == (f"{folder}:/usr/bin:/my own" if first else f"/usr/bin:/my own:{folder}")
    assert f"'{folder.parent.parent}" in shells.script("fish", environ, [])
    assert "PATH" not in shells.script("json", environ, [])


def test_no_programs_where_they_are_off(tmp_path: Path) -> None:
    assert placement({"CLOUDSDK_CONFIG": str(tmp_path / "gcloud"), "PATH": "/bin"}) is None
    assert shells.script("bash", {"CLOUDSDK_CONFIG": "/x/gcloud", "PATH": "/bin"}, []) == (
        "export CLOUDSDK_CONFIG=/x/gcloud\n"
    )
