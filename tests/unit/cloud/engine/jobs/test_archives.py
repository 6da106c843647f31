import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.jobs import archives
from cloud.engine.jobs.archives import BadArchiveError, content_key, unpack_sdist

Member = tuple[str, bytes] | tarfile.TarInfo
SETUP: Member = ("p-1/setup.py", b"")


def tar(path: Path, *members: Member, mtime: int = 0, mode: int = 0o644) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mtime, info.mode = len(member[1]), mtime, mode
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack(archive: Path) -> Path:
    folder = archive.with_suffix(".folder")
    folder.mkdir()
    return unpack_sdist(archive, folder)


def test_files_folders_and_the_executable_bit(tmp_path: Path) -> None:
    archive = tar(
        tmp_path / "a.tar.gz", special("p-1/empty", tarfile.DIRTYPE), SETUP, ("p-1/sub/run", b"x"), mode=0o700
    )

    root = unpack(archive)

    assert root.name == "p-1"
    assert (root / "empty").is_dir()
    assert (root / "sub/run").read_bytes() == b"x"
    assert (root / "sub/run").stat().st_mode & 0o777 == 0o755


def test_links_to_files_of_the_archive_become_copies(tmp_path: Path) -> None:
    root = unpack(
        tar(
            tmp_path / "a.tar.gz",
            special("p-1/early", tarfile.SYMTYPE, "sub/data"),
            SETUP,
            ("p-1/sub/data", b"data"),
            special("p-1/sub/up", tarfile.SYMTYPE, "../sub/data"),
            special("p-1/hard", tarfile.LNKTYPE, "p-1/sub/data"),
        )
    )

    for name in ("early", "sub/up", "hard"):
        assert (root / name).read_bytes() == b"data"
        assert not (root / name).is_symlink()


def test_many_links_to_one_large_file_are_as_large_as_their_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 100_000)
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE)
    links = [special(f"p-1/{n}", kinds[n % 2], ("p-1/" if n % 2 else "") + "data") for n in range(1000)]
    bomb = tar(tmp_path / "a.tar.gz", SETUP, ("p-1/data", bytes(30_000)), *links)

    with pytest.raises(BadArchiveError, match="unpacks to more than"):
        unpack(bomb)

    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file() and path != bomb)
    assert written == 30_000, "nothing is copied if not all can be"


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", b""),
        ("p-1/../../evil", b""),
        ("/evil", b""),
        ("p-1/sub/../../../evil", b""),
        special("p-1/link", tarfile.SYMTYPE, "/etc/passwd"),
        special("p-1/link", tarfile.SYMTYPE, "../../../etc/passwd"),
        special("p-1/link", tarfile.SYMTYPE, ".."),
        special("p-1/link", tarfile.LNKTYPE, "/etc/passwd"),
        special("p-1/link", tarfile.LNKTYPE, "../outside"),
        special("p-1/link", tarfile.SYMTYPE, "absent"),
        special("p-1/device", tarfile.CHRTYPE),
        special("p-1/disk", tarfile.BLKTYPE),
        special("p-1/pipe", tarfile.FIFOTYPE),
        ("p-1/setup.py/below", b""),
    ],
    ids=lambda member: member.name if isinstance(member, tarfile.TarInfo) else member[0],
)
def test_members_outside_the_folder_and_special_files_are_refused(tmp_path: Path, member: Member) -> None:
    (tmp_path / "outside").write_text("secret")

    with pytest.raises(BadArchiveError):
        unpack(tar(tmp_path / "a.tar.gz", SETUP, member))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.folder", "a.tar.gz", "outside"]


LONG = "n" * 400
DEEP = "p-1/" + "d/" * 2000


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ((f"p-1/{LONG}", b""), "is too long"),
        ((f"p-1/{LONG}/file", b""), "is too long"),
        (special(f"p-1/{LONG}", tarfile.DIRTYPE), "is too long"),
        (special(f"p-1/{LONG}", tarfile.SYMTYPE, "setup.py"), "is too long"),
        (special("p-1/link", tarfile.SYMTYPE, LONG), "is no file of the archive"),
        ((f"{DEEP}file", b""), "is below more than 100 folders"),
        (special(DEEP, tarfile.DIRTYPE), "is below more than 100 folders"),
    ],
    ids=["file", "folder", "empty folder", "link", "target", "deep file", "deep folder"],
)
def test_a_name_that_the_disk_cannot_hold_is_refused_in_one_short_line(
    tmp_path: Path, member: Member, words: str
) -> None:
    with pytest.raises(BadArchiveError, match=f"^a.tar.gz: .*{words}") as refused:
        unpack(tar(tmp_path / "a.tar.gz", SETUP, member))
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("target", ["../..", "../../outside", "sub"])
def test_a_link_is_never_followed_when_writing(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    link = special("p-1/way", tarfile.SYMTYPE, target)
    archive = tar(tmp_path / "a.tar.gz", SETUP, ("p-1/sub/a", b""), link, ("p-1/way/evil", b"x"))

    with pytest.raises(BadArchiveError):
        unpack(archive)

    assert not list((tmp_path / "outside").iterdir())
    assert not list(tmp_path.glob("evil"))
    assert not list(tmp_path.rglob("sub/evil"))


def test_sparse_file_is_refused(tmp_path: Path) -> None:
    info = special("p-1/sparse", tarfile.REGTYPE)
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1099511627776"}
    info.size = 512
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(b"0\n".ljust(512, b"\0")))

    with pytest.raises(BadArchiveError):
        content_key(path)
    with pytest.raises(BadArchiveError):
        unpack(path)


@pytest.mark.parametrize(("limit", "value"), [("MAX_MEMBERS", 2), ("MAX_BYTES", 99)])
def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(archives, limit, value)
    archive = tar(tmp_path / "a.tar.gz", SETUP, ("p-1/a", b"x" * 50), ("p-1/b", b"x" * 50))

    for read in (content_key, unpack):
        with pytest.raises(BadArchiveError, match="unpacks to more than"):
            read(archive)


def test_size_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    info = tarfile.TarInfo("p-1/bomb")
    info.size = 10 * 1024**4
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf()))

    with pytest.raises(BadArchiveError, match="unpacks to more than"):
        unpack(path)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: data[:40], lambda data: b"<html>", lambda data: b""]
)
def test_damaged_archive(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tar(tmp_path / "a.tar.gz", SETUP, ("p-1/a", bytes(range(256)) * 50))
    path.write_bytes(damage(path.read_bytes()))

    for read in (content_key, unpack):
        with pytest.raises(BadArchiveError):
            read(path)


@pytest.mark.parametrize(
    "members", [(), (("setup.py", b""),), (("p-1/a.py", b""),), (SETUP, ("q-1/setup.py", b""))], ids=len
)
def test_an_archive_that_is_not_a_source_distribution(tmp_path: Path, members: tuple[Member, ...]) -> None:
    with pytest.raises(BadArchiveError, match="no source distribution"):
        unpack(tar(tmp_path / "a.tar.gz", *members))


def test_the_key_depends_on_contents_but_not_on_times_or_order(tmp_path: Path) -> None:
    def key(*members: Member, mtime: int = 0, mode: int = 0o644) -> str:
        return content_key(tar(tmp_path / "a.tar.gz", *members, mtime=mtime, mode=mode))

    original = key(SETUP, ("p-1/a", b"one"))
    assert key(("p-1/a", b"one"), SETUP, mtime=1_700_000_000) == original
    others = [
        key(SETUP, ("p-1/a", b"two")),
        key(SETUP, ("p-1/b", b"one")),
        key(SETUP, ("p-1/a", b"one"), mode=0o755),
        key(SETUP, special("p-1/a", tarfile.SYMTYPE, "setup.py")),
        key(SETUP),
        key(SETUP, ("p-1/a", b""), ("one", b"")),
    ]
    assert len({original, *others}) == 1 + len(others)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.py", fullmatch=True), st.binary(max_size=100)))
def test_every_packed_file_is_unpacked(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("sdist")

    root = unpack(
        tar(folder / "a.tar.gz", *((f"p-1/{name}", data) for name, data in {**files, "setup.py": b""}.items()))
    )

    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert found == {**files, "setup.py": b""}
