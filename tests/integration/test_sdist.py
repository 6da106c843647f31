"""Packages from a folder of sources to an archive, as ML Engine's tools build them."""

import asyncio
import os
import sys
import tarfile
from pathlib import Path

import pytest

from cloud.backends import packaging
from cloud.errors import InvalidArgument


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_package_without_setup_py(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "lab",
        {
            "trainer/__init__.py": "",
            "trainer/task.py": "print('hi')",
            "trainer/sub/__init__.py": "",
            "trainer/data.csv": "1",
            "other/__init__.py": "",
            "pyproject.toml": "[project]\nname='whole-lab'\nversion='9'\n",
        },
    )
    before = snapshot(root)

    async with packaging.sdist(root / "trainer") as archive:
        assert archive.name == "trainer-0.0.0.tar.gz"
        with tarfile.open(archive) as tar:
            names = {name for name in tar.getnames() if name.endswith((".py", ".csv", ".toml"))}
        assert len(packaging.digest(archive)) == 64

    assert names == {f"trainer-0.0.0/{name}" for name in ("setup.py", "trainer/__init__.py", "trainer/task.py")}
    assert not archive.exists()
    assert snapshot(root) == before


async def test_package_with_setup_py(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "lab",
        {
            "setup.py": """
from setuptools import setup, find_packages
import helper, trainer
open("trainer/generated.py", "w").write("generated = True")
setup(name="my-fares", version=trainer.__version__, packages=find_packages(), package_data={"trainer": ["*.csv"]})
""",
            "helper.py": "",
            "trainer/__init__.py": "__version__ = '1.2'",
            "trainer/sub/__init__.py": "",
            "trainer/build/__init__.py": "",
            "trainer/rates.csv": "1",
            "build/lib/stale/__init__.py": "",
            ".git/config": "",
            "environment/pyvenv.cfg": "",
            "environment/lib/huge/__init__.py": "",
        },
    )
    (root / "circle").symlink_to(root)
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    before = set(root.rglob("*"))

    async with packaging.sdist(root / "trainer") as archive:
        assert archive.name == "my_fares-1.2.tar.gz"
        with tarfile.open(archive) as tar:
            names = {name.removeprefix("my_fares-1.2/") for name in tar.getnames() if "egg-info" not in name}

    assert {name for name in names if name.endswith((".py", ".csv"))} == {
        *("setup.py", "trainer/__init__.py", "trainer/generated.py", "trainer/sub/__init__.py"),
        *("trainer/build/__init__.py", "trainer/rates.csv"),
    }
    assert set(root.rglob("*")) == before


async def test_folder_that_is_not_a_package(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument) as failure:
        async with packaging.sdist(tree(tmp_path / "trainer", {"task.py": ""})):
            pass

    assert failure.value.message == (
        f"[{tmp_path}/trainer] is not a valid Python package because it does not contain an `__init__.py` file. "
        "Please create one and try again."
    )


async def test_setup_py_that_fails(tmp_path: Path) -> None:
    tree(tmp_path, {"setup.py": "print('x\\n' * 500)\nraise ValueError('no version')", "trainer/__init__.py": ""})

    with pytest.raises(InvalidArgument) as failure:
        async with packaging.sdist(tmp_path / "trainer"):
            pass

    assert "ValueError: no version" in failure.value.message
    assert "python setup.py sdist" in failure.value.message
    assert len(failure.value.message.splitlines()) < 40


@pytest.mark.parametrize("source", ["", "import sys; sys.exit(0)"])
async def test_setup_py_that_builds_nothing(tmp_path: Path, source: str) -> None:
    tree(tmp_path, {"setup.py": source, "trainer/__init__.py": ""})

    with pytest.raises(InvalidArgument, match="Packaging of user Python code failed"):
        async with packaging.sdist(tmp_path / "trainer"):
            pass


async def test_root_that_is_a_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "MAX_ROOT_BYTES", 100)
    tree(tmp_path, {"data.csv": "x" * 101, "trainer/__init__.py": ""})

    async with packaging.sdist(tmp_path / "trainer") as archive:
        assert archive.name == "trainer-0.0.0.tar.gz"  # files that are not needed may have any size
    tree(tmp_path, {"setup.py": ""})
    with pytest.raises(InvalidArgument, match="keep data elsewhere"):
        async with packaging.sdist(tmp_path / "trainer"):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd_open")
async def test_cancelled_build_leaves_no_process(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    source = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); import time; time.sleep(600)"
    tree(tmp_path, {"setup.py": source, "trainer/__init__.py": ""})

    async def build() -> None:
        async with packaging.sdist(tmp_path / "trainer"):
            pass

    task = asyncio.create_task(build())
    pid = int(await asyncio.to_thread((tmp_path / "pid").read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
