import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud.errors import FailedPrecondition
from cloud.server.announcement import Announcement, RunningCloud, find_latest, find_running
from cloud.settings import RuntimeFolder

ONE, OTHER = (RunningCloud(number, f"http://127.0.0.1:{number}", {"A": str(number)}) for number in (1, 2))


class Machine:
    """The folders of a user."""

    def __init__(self, root: Path) -> None:
        self.state, self.session, self.cache = root / "state", root / "session", root / "cache"
        for folder in (self.state, self.session, self.cache):
            folder.mkdir(mode=0o700)
        self.candidates = [RuntimeFolder(folder, "cloud") for folder in (self.session, self.cache)]
        self.warnings: list[str] = []

    def announce(self, running: RunningCloud) -> Announcement:
        return Announcement(running, self.state, self.candidates, self.warnings.append)

    def found(self) -> list[RunningCloud | None]:
        return [find_running(self.state), find_latest(self.candidates)]

    def files(self) -> list[Path]:
        folders = (self.state, *(candidate.path for candidate in self.candidates))
        return [file for folder in folders if folder.exists() for file in folder.iterdir()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_cloud_is_found_from_announcement_to_close(machine: Machine) -> None:
    announcement = machine.announce(ONE)
    assert machine.found() == [ONE, ONE]
    announcement.close()
    announcement.close()
    assert machine.found() == [None, None]
    assert machine.files() == []
    assert machine.warnings == []


def test_only_this_user_can_read_the_file(machine: Machine) -> None:
    machine.announce(ONE)
    assert (machine.session / "cloud").stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in machine.files()] == [0o600, 0o600]


def test_the_latest_of_two_is_found_also_after_the_first_closed(machine: Machine) -> None:
    first, second = machine.announce(ONE), machine.announce(OTHER)
    assert machine.found() == [OTHER, OTHER]
    first.close()
    assert machine.found() == [OTHER, OTHER]
    second.close()
    assert machine.found() == [None, None]


def test_the_first_of_two_is_found_again_after_the_second_closed(machine: Machine) -> None:
    first, second = machine.announce(ONE), machine.announce(OTHER)
    second.close()
    assert machine.found() == [ONE, ONE]
    first.close()
    assert machine.files() == []


def test_the_latest_is_found_wherever_it_is_announced(machine: Machine) -> None:
    everywhere, outside_the_session = machine.candidates, machine.candidates[1:]
    machine.announce(ONE)
    machine.candidates = outside_the_session
    second = machine.announce(OTHER)
    assert find_latest(everywhere) == OTHER
    second.close()
    assert find_latest(everywhere) == ONE


def test_a_shell_inside_a_cloud_finds_that_one_while_it_runs(machine: Machine) -> None:
    mine = RunningCloud(3, "http://127.0.0.1:3", {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:33"})
    first, _ = machine.announce(mine), machine.announce(ONE)
    assert find_latest(machine.candidates, "http://127.0.0.1:33") == mine
    assert find_latest(machine.candidates, "http://127.0.0.1:44") == ONE
    first.close()
    assert find_latest(machine.candidates, "http://127.0.0.1:33") == ONE


def test_a_clock_that_is_set_back_does_not_matter(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.announce(ONE)
    now = time.time_ns()
    monkeypatch.setattr(time, "time", lambda: now / 1e9 - 3600)
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    machine.announce(OTHER)
    assert machine.found() == [OTHER, OTHER]


def test_files_left_behind_by_a_crash_are_ignored_and_removed(machine: Machine) -> None:
    crash = (
        "import os, signal, sys; from pathlib import Path; "
        "from cloud.server.announcement import Announcement, RunningCloud; from cloud.settings import RuntimeFolder; "
        "folders = [RuntimeFolder(Path(sys.argv[2]), 'cloud')]; "
        "held = Announcement(RunningCloud(1, 'x', {}), Path(sys.argv[1]), folders, print); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    # In the folder that is not the first.
    subprocess.run([sys.executable, "-c", crash, str(machine.state), str(machine.cache)], check=False)
    left = machine.files()
    assert len(left) == 2
    for age, is_left in ((0, True), (3600, False)):
        file = machine.cache / "cloud" / f"running-{age}-1.json.new"
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
        left += [] if is_left else [file]
    assert machine.found() == [None, None]
    announcement = machine.announce(ONE)
    assert machine.found() == [ONE, ONE]
    assert not [file for file in left if file.exists()]
    announcement.close()
    assert [file.name for file in machine.files()] == ["running-0-1.json.new"], "it may be about to be locked"


def test_a_state_folder_that_is_a_link_is_not_trusted(machine: Machine) -> None:
    link = machine.state.with_name("link")
    link.symlink_to(machine.state)
    with pytest.raises(FailedPrecondition, match=r"link: cannot be written: it is a link"):
        Announcement(ONE, link, machine.candidates, print)
    assert machine.files() == []
    with pytest.raises(FailedPrecondition, match="is not trusted: it is a link"):
        find_running(link)


def test_a_file_that_is_a_link_or_not_a_file_is_ignored(machine: Machine, tmp_path: Path) -> None:
    machine.announce(ONE)
    (file, *_) = machine.files()
    theirs = machine.state.rename(tmp_path / "theirs")
    machine.state.mkdir()
    (machine.state / file.name).symlink_to(theirs / file.name)
    os.mkfifo(machine.state / "running-1-1.json")
    assert find_running(machine.state) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_another_users_file_is_ignored(machine: Machine) -> None:
    machine.announce(ONE)
    for file in machine.files():
        os.chown(file, 65534, 65534)
    assert machine.found() == [None, None]


def test_without_a_runtime_folder_the_way_that_is_left_is_named(machine: Machine) -> None:
    machine.candidates = []
    machine.announce(ONE)
    assert machine.warnings == [
        f"no private folder can be written: another shell finds this cloud with --state {machine.state} only"
    ]


def test_no_cloud_runs_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert find_running(tmp_path / "missing") is None
