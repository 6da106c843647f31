import tarfile
from pathlib import Path

import pytest

from cloud.engine.jobs.image_root import ImageRoot, split_requirements
from cloud.errors import FailedPrecondition


@pytest.fixture
def root(tmp_path: Path) -> ImageRoot:
    files = tmp_path / "files"
    (files / "trainer").mkdir(parents=True)
    (files / "trainer" / "task.py").write_text("print()")
    (files / "trainer" / "setup.py").write_text("")
    (files / "link").symlink_to("trainer/task.py")
    env = {"PYTHONPATH": "/trainer:/opt/conda", "PATH": "/opt/conda/bin", "MODE": "a:b", "DIR": "/trainer"}
    return ImageRoot(files, "/srv/dir", env)


def test_each_replica_has_the_files_and_a_working_directory(root: ImageRoot, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    root.place(home)
    assert (home / "trainer" / "task.py").read_text() == "print()"
    assert (home / "link").is_symlink()
    assert root.cwd(home) == home / "srv" / "dir"
    assert root.cwd(home).is_dir()
    (home / "trainer" / "task.py").write_text("changed")
    assert (root.files / "trainer" / "task.py").read_text() == "print()"


def test_paths_of_the_image_are_those_of_the_copy(root: ImageRoot) -> None:
    home = Path("/home/of/it")
    assert root.located(home, "/trainer/task.py") == "/home/of/it/trainer/task.py"
    for word in ("/etc/passwd", "trainer/task.py", "/", "", "--x=/trainer", "/../etc/passwd"):
        assert root.located(home, word) == word
    assert root.environ(home) == {
        "PYTHONPATH": "/home/of/it/trainer:/opt/conda",
        "MODE": "a:b",
        "DIR": "/home/of/it/trainer",
    }


def test_a_folder_of_the_image_is_installed_as_a_package(root: ImageRoot, tmp_path: Path) -> None:
    with tarfile.open(root.package("/trainer/", tmp_path)) as archive:
        assert "trainer-0/setup.py" in archive.getnames()
    with pytest.raises(FailedPrecondition, match="/other of the image is no Python package"):
        root.package("/other", tmp_path)


def test_requirements_that_are_paths() -> None:
    assert split_requirements(["/trainer", "a==1"]) == (["/trainer"], ["a==1"])
