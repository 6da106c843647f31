"""The folder of a lab: made, kept, reset."""

from pathlib import Path

import pytest

from cloud.engine.state_folder import StateFolder
from cloud.errors import FailedPrecondition
from cloud.lab.folder import LabFolder


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    folder = LabFolder(tmp_path / "lab")
    folder.create()
    return folder


def test_a_reset_removes_work_and_cloud_and_says_so(folder: LabFolder) -> None:
    for path in (folder.work("en"), folder.cloud):
        path.mkdir()
        (path / "file").write_text("x")
    (folder.path / "notes.txt").write_text("not the lab's")
    assert folder.reset() == [folder.work("en"), folder.cloud, folder.jupyter]
    assert sorted(path.name for path in folder.path.iterdir()) == ["notes.txt"]


def test_a_reset_of_nothing_removes_nothing(tmp_path: Path) -> None:
    assert LabFolder(tmp_path / "none").reset() == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_labs_is_never_reset(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    with pytest.raises(FailedPrecondition, match="no folder of the lab: nothing was removed"):
        LabFolder(tmp_path).reset()
    assert (tmp_path / "en").is_dir()


def test_a_running_lab_is_not_reset(folder: LabFolder) -> None:
    folder.work("en").mkdir()
    running = StateFolder(folder.cloud)
    with pytest.raises(FailedPrecondition, match="runs: end it before a reset"):
        folder.reset()
    running.close()
    assert folder.work("en").is_dir()


@pytest.mark.parametrize("text", ['{"format": 2}', "{", "[]", '{"other": 1}'])
def test_a_folder_of_another_version_is_refused(folder: LabFolder, text: str) -> None:
    (folder.path / "lab.json").write_text(text)
    with pytest.raises(FailedPrecondition, match=r"another version of the lab.*--state"):
        folder.create()
    assert folder.reset() == [folder.jupyter]
    folder.create()


def test_a_cloud_of_another_version_is_reset(folder: LabFolder) -> None:
    folder.cloud.mkdir()
    (folder.cloud / "format").write_text("99\n")
    assert folder.cloud in folder.reset()
    assert not folder.cloud.exists()


def test_the_state_folder_of_a_cloud_is_no_labs(tmp_path: Path) -> None:
    StateFolder(tmp_path / "state").close()
    with pytest.raises(FailedPrecondition, match=r"is the state folder of a cloud, not of a lab: .*--state"):
        LabFolder(tmp_path / "state").create()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedPrecondition, match=r"cannot be used: .*--state"):
        LabFolder(tmp_path / "file" / "lab").create()
