import asyncio

import pytest

from cloud.engine.storage.public import hashes
from cloud.engine.storage.public.hashes import FileHashes

HELLO = ("XUFAKrxLKna5cZ2REBfFkg==", "mnG7TA==")  # of "hello", as gsutil hash prints them


@pytest.fixture
def reads(monkeypatch):
    found, read = [], hashes._read
    monkeypatch.setattr(hashes, "_read", lambda path: found.append(path) or read(path))
    return found


async def test_a_file_is_read_once_by_all_that_need_its_hashes(tmp_path, reads):
    path = tmp_path / "a"
    path.write_text("hello")
    version, known = (str(path), 5, 1), FileHashes()
    assert known.known(version) is None
    both = await asyncio.gather(known.of(version), known.of(version))
    assert [(each.md5, each.crc32c) for each in (*both, await known.of(version))] == [HELLO] * 3
    assert reads == [str(path)]
    await known.of((str(path), 5, 2))
    assert len(reads) == 2


async def test_a_file_that_cannot_be_read_is_tried_again(tmp_path, reads):
    path = tmp_path / "a"
    known = FileHashes()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await known.of((str(path), 5, 1))
    path.write_text("hello")
    assert (await known.of((str(path), 5, 1))).md5 == HELLO[0]
