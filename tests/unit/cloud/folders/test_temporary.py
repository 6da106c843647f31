"""Temporary folders: what a killed process left is found and removed, and nothing else is."""

import ast
import fcntl
import os
import re
import shutil
import signal
import tempfile
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import cloud
from cloud.folders import temporary
from cloud.folders.temporary import Kind


class Creator:
    """Another process that has made a folder, until it is killed."""

    def __init__(self, kind: Kind, parent: Path) -> None:
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pytest has threads, which are not needed
            self.pid = os.fork()
        if self.pid == 0:
            try:
                folder = temporary.create(kind, parent)
                (folder / "inside").mkdir(mode=0o500)
                os.write(writer, os.fsencode(folder))
                signal.pause()
            finally:
                os._exit(1)
        os.close(writer)
        self.folder = Path(os.fsdecode(os.read(reader, 4096)))
        os.close(reader)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Folders(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.parent = Path(tempfile.mkdtemp())
        self.precious = Path(tempfile.mkdtemp())
        (self.precious / "file").touch()
        self.own: list[Path] = []
        self.creators: list[Creator] = []
        self.kept: set[Path] = set()
        self.dead: set[Path] = set()

    def teardown(self) -> None:
        for creator in self.creators:
            creator.kill()
        for folder in self.own:
            temporary.remove(folder)
        shutil.rmtree(self.parent)
        shutil.rmtree(self.precious)

    @rule(kind=st.sampled_from(Kind))
    def create(self, kind: Kind) -> None:
        self.own.append(temporary.create(kind, self.parent))

    @precondition(lambda self: self.own)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        folder = self.own.pop(data.draw(st.integers(0, len(self.own) - 1)))
        (folder / "file").touch()
        temporary.remove(folder)
        assert not folder.exists()

    @rule(kind=st.sampled_from(Kind))
    def create_elsewhere(self, kind: Kind) -> None:
        self.creators.append(Creator(kind, self.parent))

    @precondition(lambda self: self.creators)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        creator = self.creators.pop(data.draw(st.integers(0, len(self.creators) - 1)))
        creator.kill()
        self.dead.add(creator.folder)

    @rule(kind=st.sampled_from(Kind), age=st.sampled_from([0, 3600, -3600]))
    def die_before_the_lock(self, kind: Kind, age: int) -> None:
        """An age below zero: the clock was set back since."""
        folder = Path(tempfile.mkdtemp(dir=self.parent, prefix=f".new-omlc-{kind}-"))
        os.utime(folder, (time.time() - age,) * 2)
        (self.dead if age else self.kept).add(folder)

    @rule(kind=st.sampled_from(Kind), what=st.sampled_from(["link", "file", "fifo"]))
    def plant(self, kind: Kind, what: str) -> None:
        path = self.parent / f"omlc-{kind}-{os.urandom(4).hex()}"
        {"link": lambda: path.symlink_to(self.precious), "file": path.touch, "fifo": lambda: os.mkfifo(path)}[what]()
        self.kept.add(path)

    @rule(name=st.sampled_from(["omlc-notes", "omlc-job-", "omlc-mine-abcdefgh", "job-abcdefgh", ".new-omlc-job-abc"]))
    def make_a_folder_of_ones_own(self, name: str) -> None:
        (self.parent / name).mkdir(exist_ok=True)
        self.kept.add(self.parent / name)

    @rule()
    def sweep(self) -> None:
        for folder in temporary.leftovers(self.parent):
            temporary.remove_tree(folder)
        self.dead.clear()

    @invariant()
    def exactly_what_is_used_or_foreign_or_not_yet_swept_is_there(self) -> None:
        used = {*self.own, *(creator.folder for creator in self.creators)}
        assert set(self.parent.iterdir()) == used | self.kept | self.dead
        assert (self.precious / "file").exists()


TestFolders = Folders.TestCase
TestFolders.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)


def test_a_folder_is_private_and_its_name_is_short(tmp_path: Path) -> None:
    with temporary.temporary_folder(Kind.JOB, tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert re.fullmatch(r"omlc-job-.{8}", folder.name)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_inherits_the_lock_keeps_the_folder(tmp_path: Path) -> None:
    folder = temporary.create(Kind.LAYER, tmp_path)
    inherited = os.dup(temporary.lock_of(folder))
    folder.rename(tmp_path / "aside")
    temporary.remove(folder)
    (tmp_path / "aside").rename(folder)
    assert list(temporary.leftovers(tmp_path)) == []
    os.close(inherited)
    assert list(temporary.leftovers(tmp_path)) == [folder]


def test_one_of_two_sweepers_gets_a_leftover(tmp_path: Path) -> None:
    (tmp_path / "omlc-job-0dead000").mkdir()
    for _ in temporary.leftovers(tmp_path):
        assert list(temporary.leftovers(tmp_path)) == []
    assert len(list(temporary.leftovers(tmp_path))) == 1


def test_an_abandoned_folder_is_a_leftover(tmp_path: Path) -> None:
    (tmp_path / "crashed").mkdir()
    temporary.abandon(tmp_path / "crashed")
    (left,) = temporary.leftovers(tmp_path)
    assert left.parent == tmp_path


def test_a_folder_whose_modes_forbid_it_is_removed_and_links_in_it_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o500)
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").touch()
    (folder / "a" / "link").symlink_to(precious)
    for each in (folder / "a" / "b", folder / "a", folder):
        each.chmod(0)
    temporary.remove_tree(folder)
    assert not folder.exists()
    assert precious.stat().st_mode & 0o777 == 0o500


def test_where_there_are_no_locks_folders_are_usable_and_never_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with temporary.temporary_folder(Kind.STATE, tmp_path) as folder:
        assert folder.is_dir()
        assert list(temporary.leftovers(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_no_other_code_makes_temporary_files_where_no_sweep_would_find_them() -> None:
    makers = {"mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile"}
    root, elsewhere = Path(cloud.__path__[0]), []
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in makers and not any(keyword.arg == "dir" for keyword in node.keywords):
                    elsewhere.append(str(path.relative_to(root)))
    # In a container, which is deleted with all its files.
    assert elsewhere == ["containers/training.py"]
