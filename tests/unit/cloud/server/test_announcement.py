import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.errors import FailedPrecondition
from cloud.server.announcement import Announcement, RunningCloud, find_running

ONE, OTHER = (RunningCloud(number, f"http://127.0.0.1:{number}", {"A": str(number)}) for number in (1, 2))


def test_a_cloud_is_found_from_announcement_to_close(tmp_path: Path) -> None:
    folders = [tmp_path / "state", tmp_path / "user"]
    announcement = Announcement(ONE, folders)
    assert [find_running(folder) for folder in folders] == [ONE, ONE]
    announcement.close()
    announcement.close()
    assert [find_running(folder) for folder in folders] == [None, None]
    assert not [path for folder in folders for path in folder.iterdir()]


def test_only_this_user_can_read_the_file(tmp_path: Path) -> None:
    Announcement(ONE, [tmp_path / "user"])
    assert (tmp_path / "user").stat().st_mode & 0o777 == 0o700
    (file,) = (tmp_path / "user").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_latest_of_two_is_found_also_after_the_first_closed(tmp_path: Path) -> None:
    first, second = Announcement(ONE, [tmp_path]), Announcement(OTHER, [tmp_path])
    assert find_running(tmp_path) == OTHER
    first.close()
    assert find_running(tmp_path) == OTHER
    second.close()
    assert find_running(tmp_path) is None


def test_the_first_of_two_is_found_again_after_the_second_closed(tmp_path: Path) -> None:
    first, second = Announcement(ONE, [tmp_path]), Announcement(OTHER, [tmp_path])
    second.close()
    assert find_running(tmp_path) == ONE
    first.close()
    assert not list(tmp_path.iterdir())


def test_a_file_left_behind_by_a_crash_is_ignored_and_removed(tmp_path: Path) -> None:
    crash = (
        "import os, signal, sys; from pathlib import Path; "
        "from cloud.server.announcement import Announcement, RunningCloud; "
        "held = Announcement(RunningCloud(1, 'x', {}), [Path(sys.argv[1])]); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", crash, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    assert find_running(tmp_path) is None
    announcement = Announcement(ONE, [tmp_path])
    assert find_running(tmp_path) == ONE
    assert not left.exists()
    announcement.close()


def test_a_folder_that_is_a_link_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FailedPrecondition, match="not a folder of this user"):
        Announcement(ONE, [tmp_path / "link"])
    assert not os.listdir(tmp_path / "elsewhere")


def test_a_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    Announcement(ONE, [tmp_path / "theirs"])
    (file,) = (tmp_path / "theirs").iterdir()
    (tmp_path / file.name).symlink_to(file)
    assert find_running(tmp_path) is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FailedPrecondition, match="file"):
        Announcement(ONE, [tmp_path / "file" / "folder"])
