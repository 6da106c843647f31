"""The user's runtime folder: the first candidate that is private is used, and what another user made is not trusted."""

import os
from pathlib import Path

import pytest

from cloud.folders.runtime import UntrustedFolderError, open_existing, open_own, use_first
from cloud.settings import RuntimeFolder

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
OTHER_USER = 65534


class Use:
    """Remembers where it was used; a folder named "full" cannot be."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.warnings: list[str] = []

    def __call__(self, descriptor: int, folder: Path) -> None:
        if folder.parent.name == "full":
            raise OSError(28, "No space left on device")
        assert os.path.samestat(os.fstat(descriptor), folder.stat())
        self.folders.append(folder)

    def first(self, *candidates: RuntimeFolder) -> Path | None:
        return use_first(candidates, self, self.warnings.append)


def candidate(base: Path, variable: str = "") -> RuntimeFolder:
    return RuntimeFolder(base, "cloud", variable)


def test_the_first_that_can_be_used_is_made_private(tmp_path: Path) -> None:
    use = Use()
    second = RuntimeFolder(tmp_path, "cache/cloud/host")
    assert use.first(candidate(tmp_path / "no-session"), second, candidate(tmp_path)) == tmp_path / "cache/cloud/host"
    assert use.folders == [second.path]
    assert [path.stat().st_mode & 0o777 for path in (second.path, *second.path.parents[:2])] == [0o700] * 3
    assert use.warnings == [], "a session that there is none of is no problem"
    assert not (tmp_path / "no-session").exists()


def test_a_folder_that_the_user_chose_and_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    use = Use()
    missing = candidate(tmp_path / "missing", "XDG_RUNTIME_DIR")
    relative = RuntimeFolder(Path("relative"), "cloud", "XDG_RUNTIME_DIR")
    used = tmp_path / "cloud"
    assert use.first(missing, relative, candidate(tmp_path)) == used
    assert use.warnings == [
        f"XDG_RUNTIME_DIR={tmp_path}/missing cannot be used: No such file or directory; {used} is used instead",
        f"XDG_RUNTIME_DIR=relative cannot be used: it is not an absolute path; {used} is used instead",
    ]


def test_a_full_disk_is_a_warning(tmp_path: Path) -> None:
    use = Use()
    (tmp_path / "full").mkdir()
    assert use.first(candidate(tmp_path / "full"), candidate(tmp_path)) == tmp_path / "cloud"
    (warning,) = use.warnings
    assert warning.startswith(f"{tmp_path}/full/cloud cannot be used: No space left on device; ")


def squat(folder: Path, way: str) -> str:
    """Make ``folder`` unusable; returns the reason."""
    match way:
        case "link":
            folder.with_name("elsewhere").mkdir(mode=0o700)
            folder.symlink_to(folder.with_name("elsewhere"))
            return "it is a link, or no folder"
        case "file":
            folder.touch()
            return "it is a link, or no folder"
        case "open":
            folder.mkdir()
            folder.chmod(0o750)
            return "other users have rights to it: chmod 700 it"
    folder.mkdir(mode=0o700)
    os.chown(folder, OTHER_USER, OTHER_USER)
    return "it is another user's"


@pytest.mark.parametrize("way", ["link", "file", "open", pytest.param("foreign", marks=as_root)])
def test_a_squatted_folder_is_passed_with_one_warning(tmp_path: Path, way: str) -> None:
    use, squatted, good = Use(), tmp_path / "cloud", candidate(tmp_path / "good")
    good.base.mkdir()
    reason = squat(squatted, way)
    assert use.first(candidate(tmp_path), good) == good.path
    assert use.warnings == [f"{squatted} cannot be used: {reason}; {good.path} is used instead"]
    (descriptor,) = (os.dup(each) for each in open_existing([candidate(tmp_path), good]))
    assert os.path.samestat(os.fstat(descriptor), good.path.stat()), "a finder passes it, too"
    os.close(descriptor)
    with pytest.raises(UntrustedFolderError) as caught:
        open_own(squatted, private=True)
    assert caught.value.strerror == reason


@as_root
def test_root_makes_nothing_in_the_folder_of_another_users_session(tmp_path: Path) -> None:
    use = Use()
    os.chown(tmp_path, OTHER_USER, OTHER_USER)
    assert use.first(candidate(tmp_path, "XDG_RUNTIME_DIR")) is None
    assert use.warnings == [f"XDG_RUNTIME_DIR={tmp_path} cannot be used: it is another user's"]
    assert list(tmp_path.iterdir()) == []


def test_descriptors_are_closed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = os.listdir("/dev/fd")
    use = Use()
    use.first(candidate(tmp_path / "file"), candidate(tmp_path))
    list(open_existing([candidate(tmp_path)]))
    assert os.listdir("/dev/fd") == before
