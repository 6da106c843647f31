import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument, NotFound
from cloud.gcs.transfers import Progress, in_parallel, plan_download, plan_upload, safe_path
from cloud.names import GsUri
from cloud.resources import StoredObject, TransferProgress

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUCKET = GsUri("bkt")


def stored(*names):
    return [StoredObject(GsUri("bkt", name), 1, 1, "text/plain", NOW) for name in names]


def test_a_folder_becomes_objects_in_order(tmp_path):
    for name in ("b.csv", "a/c.csv", "a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    plan = plan_upload(tmp_path, GsUri("bkt", "data"))
    assert [uri.path for _, uri in plan] == ["data/a.csv", "data/a/c.csv", "data/b.csv"]
    assert [uri.path for _, uri in plan_upload(tmp_path, BUCKET)] == ["a.csv", "a/c.csv", "b.csv"]


def test_a_file_becomes_an_object_or_goes_into_a_folder(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes(b"x")
    for destination, name in (("y.csv", "y.csv"), ("d/", "d/x.csv"), ("", "x.csv")):
        assert plan_upload(file, GsUri("bkt", destination)) == [(file, GsUri("bkt", name))]


def test_illegal_uploads_are_refused(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        plan_upload(tmp_path / "nowhere", BUCKET)
    (tmp_path / "inner").mkdir()
    with pytest.raises(InvalidArgument, match="holds no file"):
        plan_upload(tmp_path, BUCKET)
    (tmp_path / "a\nb").write_bytes(b"")
    with pytest.raises(InvalidArgument, match="line breaks"):
        plan_upload(tmp_path, BUCKET)


def test_objects_become_files_relative_to_the_folder(tmp_path):
    for source in ("d/data*", "d/", "d", "d/**"):
        plan = plan_download(GsUri("bkt", source), stored("d/data-1", "d/data-2"), tmp_path)
        assert [file for _, file, _ in plan] == [tmp_path / "data-1", tmp_path / "data-2"]
    plan = plan_download(GsUri("bkt", "d/"), stored("d/", "d/e/", "d/e/f"), tmp_path)
    assert [(file, folder) for _, file, folder in plan] == [
        (None, tmp_path),
        (None, tmp_path / "e"),
        (tmp_path / "e/f", tmp_path / "e"),
    ]


def test_one_object_becomes_the_file(tmp_path):
    [(_, file, _)] = plan_download(GsUri("bkt", "d/x"), stored("d/x"), tmp_path / "new")
    assert file == tmp_path / "new"
    [(_, file, _)] = plan_download(GsUri("bkt", "d/x"), stored("d/x"), tmp_path)
    assert file == tmp_path / "x"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", "a/./b", "..", "a\0b", "d/" + "x" * 256])
def test_names_that_are_no_legal_paths_are_refused(tmp_path, name):
    with pytest.raises(InvalidArgument):
        plan_download(BUCKET, stored(name, "fine"), tmp_path)


def test_a_link_that_leads_out_of_the_destination_is_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidArgument, match="outside"):
        plan_download(BUCKET, stored("link/x"), inside)


def test_an_object_with_the_name_of_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidArgument, match="name of a folder"):
        plan_download(GsUri("bkt", "a"), stored("a", "a/b"), tmp_path)


def test_a_file_that_would_also_be_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidArgument, match="cannot be a file"):
        plan_download(BUCKET, stored("a", "a/b"), tmp_path)


@given(st.text(max_size=60))
def test_safe_paths_stay_below_their_folder(name):
    try:
        path = safe_path(name)
    except InvalidArgument:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert str(path) == name


def test_progress_adds_up():
    reports = []
    progress = Progress([10, 20], reports.append)
    progress.at(1, 20)
    progress.at(0, 5)
    progress.at(0, 0)
    progress.finished(0)
    progress.finished(1)
    assert reports[1] == TransferProgress(25, 30, 0, 2)
    assert reports[2] == TransferProgress(20, 30, 0, 2)
    assert reports[-1] == TransferProgress(30, 30, 2, 2)


async def test_parallel_work_keeps_its_order_and_its_limit():
    running, peak = 0, 0

    async def work(item):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1
        return -item

    assert await in_parallel(work, range(100)) == [-item for item in range(100)]
    assert peak == 16


async def test_the_first_failure_stops_the_rest():
    stopped = asyncio.Event()

    async def work(item):
        if item == 1:
            raise NotFound("one")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(NotFound, match="one"):
        await in_parallel(work, range(3))
    assert stopped.is_set()
