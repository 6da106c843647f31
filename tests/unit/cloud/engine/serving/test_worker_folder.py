"""The private folder of a worker."""

import stat
import tempfile
from pathlib import Path

import pytest

from cloud.engine.serving import worker_folder


def test_it_is_private_and_removed_with_what_is_in_it():
    folder = worker_folder.create()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    worker_folder.socket_in(folder).touch()
    worker_folder.remove(folder)
    assert not folder.exists()
    worker_folder.remove(folder)


def test_the_socket_has_a_short_path_in_a_long_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    long = tmp_path / ("n" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = worker_folder.create()
    worker_folder.remove(folder)
    assert len(str(worker_folder.socket_in(folder))) <= 103
    assert list(long.iterdir()) == []
