import os
import sys
from pathlib import Path

import pytest

from cloud.engine.confinement.paths import PythonPaths, installation, outermost
from cloud.engine.confinement.real_paths import holds
from cloud.engine.launch.command import Interpreter
from cloud.errors import FailedPrecondition


def file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def test_of_packages_that_are_links_the_folder_with_the_real_ones_is_read(tmp_path: Path) -> None:
    real, view, single = tmp_path / "env/lib/site-packages", tmp_path / "view/site-packages", tmp_path / "home/mine.py"
    for module in (real / "numpy/__init__.py", real / "google/auth/__init__.py", single):
        file(module)
    link(view / "numpy", real / "numpy")
    link(view / "google/auth", real / "google/auth")
    link(view / "mine.py", single)

    assert PythonPaths(()).of_import_path([view, tmp_path / "none"]) == (real, single, view)


def test_of_packages_whose_files_are_links_into_a_cache_the_cached_folders_are_read(tmp_path: Path) -> None:
    cached, layer = tmp_path / "cache/archive-v0/x7", tmp_path / "layer"
    link(layer / "tool-1.0.dist-info/METADATA", file(cached / "tool-1.0.dist-info/METADATA"))

    assert PythonPaths(()).of_import_path([layer]) == (cached, layer)


def test_a_folder_of_packages_that_holds_a_secret_is_left_out(tmp_path: Path) -> None:
    home, packages = tmp_path / "home", tmp_path / "packages"
    file(home / "state/key.json")
    file(packages / "a.py")
    link(tmp_path / "other", home)

    read = PythonPaths([home / "state"]).of_import_path([home, tmp_path / "other", packages])

    assert read == (packages,)


async def test_an_interpreter_names_what_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{libraries}:relative:{tmp_path / 'none'}:")
    monkeypatch.chdir(tmp_path)
    paths = PythonPaths([tmp_path / "state"])

    read = await paths.of(Interpreter())

    for needed in (sys.prefix, os.path.realpath(sys.base_prefix), os.__file__, pytest.__file__, libraries):
        assert any(holds(folder, [Path(needed)]) for folder in (*read, Path("/usr")))
    assert not any(holds(folder, [tmp_path]) for folder in read)
    assert await paths.of(Interpreter(preload=("json",))) is read  # asked once


async def test_an_interpreter_that_has_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    paths = PythonPaths(())
    for _ in range(2):
        with pytest.raises(FailedPrecondition, match="gone/python3 cannot be run: No such file or directory"):
            await paths.of(Interpreter(tmp_path / "gone" / "python3"))


def test_what_another_covers_is_left_out_but_no_link_to_it(tmp_path: Path) -> None:
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    link(tmp_path / "link", inner)
    link(tmp_path / "a/away", tmp_path)

    assert outermost([inner, tmp_path / "a", Path("/usr/lib")]) == (tmp_path / "a",)
    assert outermost([tmp_path / "a", tmp_path / "link"]) == (tmp_path / "a", tmp_path / "link")
    assert outermost([tmp_path / "a", tmp_path / "a/away"]) == (tmp_path / "a", tmp_path / "a/away")


def test_the_installation_holds_this_python_and_its_packages() -> None:
    for path in (sys.executable, os.__file__, pytest.__file__):
        assert any(holds(folder, [Path(path)]) for folder in (*installation(), Path("/usr")))
