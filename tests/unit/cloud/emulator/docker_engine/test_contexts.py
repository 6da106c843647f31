"""Contexts of builds: what is packed is unpacked, and nothing is written elsewhere."""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.docker_engine.contexts import unpack
from cloud.errors import InvalidArgument

NAMES = st.text("abc.é -", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
FILES = st.dictionaries(NAMES, st.binary(max_size=2000), max_size=4)
TREES = st.dictionaries(NAMES.map(lambda name: f"dir {name}"), FILES, max_size=3)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, mode
    return made


def archive(*members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for each in members:
            info, content = each if isinstance(each, tuple) else (each, b"")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


def unpacked(data: bytes, place: Path) -> Path:
    folder = place / "context"
    folder.mkdir()
    (place / "context.tar").write_bytes(data)
    unpack(place / "context.tar", folder)
    return folder


@given(TREES, FILES, st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]))
def test_what_is_packed_is_unpacked(
    tree: dict[str, dict[str, bytes]], top: dict[str, bytes], compress: Callable[[bytes], bytes]
) -> None:
    members = [(member(name), content) for name, content in top.items()]
    for folder, files in tree.items():
        members += [(member(folder, tarfile.DIRTYPE), b"")]
        members += [(member(f"{folder}/{name}"), content) for name, content in files.items()]
    with tempfile.TemporaryDirectory() as place:
        found = unpacked(compress(archive(*members)), Path(place))
        assert {path.name: path.read_bytes() for path in found.iterdir() if path.is_file()} == top
        folders = {path.name: {each.name: each.read_bytes() for each in path.iterdir()} for path in found.glob("dir *")}
        assert folders == tree


def test_the_rights_of_files_are_kept_and_their_owner_may_read_them(tmp_path: Path) -> None:
    found = unpacked(archive(member("run.sh", mode=0o755), member("hidden", mode=0)), tmp_path)
    assert [(found / name).stat().st_mode & 0o777 for name in ("run.sh", "hidden")] == [0o755, 0o600]


def test_links_are_kept_wherever_they_lead(tmp_path: Path) -> None:
    links = {"bin/python": "/usr/bin/python3", "up": "../..", "other": "file"}
    found = unpacked(archive(*(member(name, tarfile.SYMTYPE, link) for name, link in links.items())), tmp_path)
    assert {name: str((found / name).readlink()) for name in links} == links


@pytest.mark.parametrize("name", ["up/x", "absolute/x", "file"])
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    links = {"up": "../outside", "absolute": str(outside), "file": "../outside/kept"}
    members = [member(link, tarfile.SYMTYPE, target) for link, target in links.items()]
    data = archive(*members, (member(name), b"written"))
    if name == "file":
        assert (unpacked(data, tmp_path) / name).read_text() == "written"  # in the link's place
    else:
        with pytest.raises(InvalidArgument, match="cannot be unpacked"):
            unpacked(data, tmp_path)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"kept": "kept"}


@pytest.mark.parametrize(
    "bad",
    [
        member("../x"),
        member("a/../../x"),
        member("hard", tarfile.LNKTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "../x"),
        member("../link", tarfile.SYMTYPE, "x"),
    ],
)
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    with pytest.raises(InvalidArgument, match="cannot be unpacked"):
        unpacked(archive(bad), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["context", "context.tar"]


def test_devices_and_queues_are_left_out(tmp_path: Path) -> None:
    found = unpacked(archive(member("queue", tarfile.FIFOTYPE), member("null", tarfile.CHRTYPE), member("a")), tmp_path)
    assert [path.name for path in found.iterdir()] == ["a"]


def test_the_docker_commands_archive_without_an_end(tmp_path: Path) -> None:
    """It sends this where a Dockerfile comes from standard input."""
    whole = archive((member("a"), b"1"), (member("b"), b"22"))
    found = unpacked(whole[: 3 * tarfile.BLOCKSIZE + 2], tmp_path)
    assert (found / "b").read_bytes() == b"22"


@pytest.mark.parametrize(
    "data",
    [
        b"FROM python\n",
        gzip.compress(archive((member("a"), bytes(10**5))))[:-30],
        archive((member("a"), bytes(10**5)))[: 4 * tarfile.BLOCKSIZE],
        b"",
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="the build context is"):
        unpacked(data, tmp_path)
