import hashlib
from pathlib import Path

import pytest

from cloud.backends import packaging
from cloud.errors import InvalidArgument


def test_digest_is_of_the_bytes(tmp_path: Path) -> None:
    archive = tmp_path / "trainer-0.0.0.tar.gz"
    archive.write_bytes(b"bytes" * 100_000)

    assert packaging.digest(archive) == hashlib.sha256(b"bytes" * 100_000).hexdigest()


@pytest.mark.parametrize("name", ["absent", ".", "a_file.py"])
async def test_invalid_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "a_file.py").write_text("")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidArgument, match="is not a valid Python package because") as caught:
        async with packaging.sdist(Path(name)):
            pass

    assert caught.value.field == "package_path"
    assert str(tmp_path) in caught.value.message
