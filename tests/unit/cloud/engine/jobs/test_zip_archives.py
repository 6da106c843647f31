import zipfile
from pathlib import Path

import pytest

from cloud.engine.jobs import archives
from cloud.engine.jobs.archives import BadArchiveError
from cloud.engine.jobs.zip_archives import open_zip, unpack_zip, unpack_zip_sdist, zip_content_key

SDIST = {"p-1/": b"", "p-1/setup.py": b"setup", "p-1/p/__init__.py": b"code"}


def pack(path: Path, files: dict[str, bytes], *, mode: int = 0o644, year: int = 2020) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


def unpack(path: Path, folder: Path, target: str = "") -> None:
    with open_zip(path) as archive:
        unpack_zip(archive, path.name, folder, lambda member: target or member)


def test_a_source_distribution(tmp_path: Path) -> None:
    root = unpack_zip_sdist(pack(tmp_path / "a.zip", SDIST, mode=0o755), tmp_path / "folder")

    assert root == tmp_path / "folder/p-1"
    assert (root / "p/__init__.py").read_bytes() == b"code"
    assert (root / "setup.py").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("files", [{}, {"setup.py": b""}, {"p-1/a": b""}, {**SDIST, "q-1/setup.py": b""}])
def test_other_archives_are_no_source_distribution(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(BadArchiveError, match="no source distribution"):
        unpack_zip_sdist(pack(tmp_path / "a.zip", files), tmp_path / "folder")


def test_the_key_depends_on_contents_but_not_on_times_or_order(tmp_path: Path) -> None:
    def key(files: dict[str, bytes], *, mode: int = 0o644, year: int = 2020) -> str:
        return zip_content_key(pack(tmp_path / "a.zip", files, mode=mode, year=year))

    original = key(SDIST)
    assert key(dict(reversed(SDIST.items())), year=2024) == original
    others = [key({**SDIST, "p-1/setup.py": b"other"}), key({**SDIST, "p-1/a": b""}), key(SDIST, mode=0o755)]
    assert len({original, *others}) == 4


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_a_member_outside_the_folder(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "a.whl", {name: b"x"})

    for target in ("", "../evil"):
        with pytest.raises(BadArchiveError, match="leads out"):
            unpack(path, tmp_path / "folder", target)


@pytest.mark.parametrize(
    ("name", "words"), [("n" * 400, "is too long"), ("d/" * 2000 + "file", "is below more than 100 folders")]
)
def test_a_name_that_the_disk_cannot_hold(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(BadArchiveError, match=f"^a.whl: .*{words}"):
        unpack(pack(tmp_path / "a.whl", {name: b"x"}), tmp_path / "folder")


@pytest.mark.parametrize(("limit", "value"), [("MAX_MEMBERS", 2), ("MAX_BYTES", 8)])
def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(archives, limit, value)

    with pytest.raises(BadArchiveError, match="unpacks to more than"):
        zip_content_key(pack(tmp_path / "a.zip", SDIST))


@pytest.mark.parametrize(("suffix", "kind"), [("whl", "wheel"), ("zip", "zip archive")])
def test_a_damaged_archive(tmp_path: Path, suffix: str, kind: str) -> None:
    path = pack(tmp_path / f"a.{suffix}", {"p-1/setup.py": bytes(range(256)) * 4})
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)

    with pytest.raises(BadArchiveError, match=f"not a {kind} that can be read"):
        unpack(path, tmp_path / "folder")
