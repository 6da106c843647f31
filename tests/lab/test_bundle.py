"""``python -m cloud.lab bundle``: wheels for laptops without a network."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from cloud.lab import own_wheel
from cloud.lab.own_wheel import PROJECT, write_own_wheel
from lab.labs import ADDRESS

pytest.importorskip("pip", reason="pip is not installed")
NAME = PROJECT.replace("-", "_")
NETWORK = pytest.mark.skipif(
    "LAB_BUNDLE" not in os.environ, reason="fetches a gigabyte from the package index: tox -e bundle"
)


def bundle(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "cloud.lab", "bundle", folder, *arguments]
    environ = {name: value for name, value in os.environ.items() if name != "UV_OFFLINE"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


@pytest.mark.timeout(300)
def test_the_wheel_is_whole_from_a_checkout_and_from_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "again"):
        (tmp_path / folder).mkdir()
    built = write_own_wheel(tmp_path / "first")
    before = contents(built)
    assert {"cloud/lab/chapters/en/01_project.ipynb", "cloud/lab/chapters/es/solutions/01_project.ipynb"} <= before
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "site-packages")
    info = tmp_path / "site-packages" / f"{NAME}-{version(PROJECT)}.dist-info"
    for name in ("INSTALLER", "direct_url.json"):
        (info / name).write_text("")
    with (info / "RECORD").open("a") as record:
        record.write(f"{info.name}/INSTALLER,,\n{info.name}/direct_url.json,,\ncloud/__pycache__/errors.pyc,,\n")
    monkeypatch.setattr(own_wheel, "_HOME", tmp_path / "site-packages")
    again = write_own_wheel(tmp_path / "again")
    assert (again.name, contents(again)) == (built.name, before)


def contents(wheel: Path) -> set[str]:
    """The files of a wheel, which its record lists, too."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        record = archive.read(f"{NAME}-{version(PROJECT)}.dist-info/RECORD").decode()
    assert names == {line.partition(",")[0] for line in record.splitlines()}
    return names


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--python-version", "latest"), "--python-version: a version such as 3.12, not 'latest'"),
        (("--platform", "windows"), "'windows' is not one of 'linux-x86_64', 'linux-aarch64', 'macos-arm64'"),
    ],
)
def test_bad_flags_are_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = bundle(tmp_path / "b", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "b").exists()


@NETWORK
@pytest.mark.timeout(1500)
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs network namespaces (Linux)")
def test_a_laptop_without_a_network_starts_the_lab_from_the_bundle(tmp_path: Path) -> None:
    alone = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a network namespace")
    folder = tmp_path / "stick"
    done = bundle(folder)
    assert done.returncode == 0, done.stderr
    line = done.stdout.splitlines()[-1].strip()
    assert line == f"python -m pip install --no-index --find-links {folder} '{PROJECT}[lab]'"
    assert "--no-index" in (folder / "README.txt").read_text()
    program = f"""
set -e
ip link set lo up
{sys.executable} -m venv {tmp_path}/venv
export PATH={tmp_path}/venv/bin:$PATH
{line} --quiet
cd {tmp_path}
timeout --signal INT 240 python -m cloud.lab --no-browser --port 0 --lang es > said.txt 2>&1 &
lab=$!
until grep -q /lab/tree/ said.txt; do sleep 0.2; kill -0 $lab; done
kill -INT $lab
wait $lab
"""
    ran = subprocess.run([*alone, "bash", "-c", program], capture_output=True, text=True, check=False)
    said = (tmp_path / "said.txt").read_text() if (tmp_path / "said.txt").exists() else ""
    assert ran.returncode == 0, ran.stderr + said
    assert any(ADDRESS.fullmatch(each) for each in said.splitlines())


@NETWORK
@pytest.mark.timeout(1500)
def test_a_bundle_for_another_machine_has_what_that_machine_needs(tmp_path: Path) -> None:
    done = bundle(tmp_path, "--platform", "macos-arm64", "--python-version", "3.12")
    assert done.returncode == 0, done.stderr
    names = [path.name for path in tmp_path.glob("*.whl")]
    assert [name for name in names if name.startswith("appnope-")], "of ipykernel, on macOS only"
    assert [name for name in names if name.startswith("tensorflow-") and "cp312" in name and "macosx" in name]
    assert not [name for name in names if "linux" in name or "cp311-cp311" in name]
