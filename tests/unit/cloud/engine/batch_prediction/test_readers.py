import gzip
from pathlib import Path

import pytest

from cloud.engine.batch_prediction import readers
from cloud.engine.batch_prediction.readers import Records, TooLarge, UnreadableError, read_records
from cloud.resources.batch_prediction import InputFormat
from cloud.wire.tf_records import write_record


def read(path: Path, form: InputFormat = InputFormat.JSON_LINES) -> list[bytes | TooLarge]:
    return [
        record
        for records in read_records(path, form)
        for record in ([records] if isinstance(records, TooLarge) else records)
    ]


def file(folder: Path, content: bytes) -> Path:
    path = folder / "input"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 18])
def test_lines_are_the_same_whatever_the_size_of_a_read(tmp_path, monkeypatch, size):
    monkeypatch.setattr(readers, "_BLOCK", size)
    lines = [b'{"x": 1}', b"", "ü".encode(), b"a\r", b"last"]
    assert read(file(tmp_path, b"\n".join(lines))) == lines
    assert read(file(tmp_path, b"\n".join(lines) + b"\n")) == lines
    assert read(file(tmp_path, b"")) == []


@pytest.mark.parametrize("size", [1, 4, 1 << 18])
def test_a_line_that_is_too_long_is_passed_over_without_keeping_it(tmp_path, monkeypatch, size):
    monkeypatch.setattr(readers, "MAX_RECORD", 5)
    monkeypatch.setattr(readers, "_BLOCK", size)
    content = b"12345\n123456\nx\n" + b"y" * 40
    expected = [b"12345", TooLarge(6), b"x", TooLarge(40)]
    if size == 1 << 18:  # then it was read already
        expected = [b"12345", b"123456", b"x", TooLarge(40)]
    assert read(file(tmp_path, content)) == expected


def test_lines_may_be_compressed_whatever_the_files_name(tmp_path):
    assert read(file(tmp_path, gzip.compress(b"a\nb\n"))) == [b"a", b"b"]


@pytest.mark.parametrize("form", [InputFormat.TF_RECORD, InputFormat.TF_RECORD_GZIP])
def test_tf_records(tmp_path, form):
    records = [b"first", b"", b"x" * 400_000, b"last"]
    content = b"".join(map(write_record, records))
    compressed = gzip.compress(content) if form is InputFormat.TF_RECORD_GZIP else content
    assert read(file(tmp_path, compressed), form) == records


def test_a_tf_record_that_is_too_large_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_RECORD", 5)
    content = write_record(b"12345") + write_record(b"123456") + write_record(b"x")
    assert read(file(tmp_path, content), InputFormat.TF_RECORD) == [b"12345", TooLarge(6), b"x"]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda content: content[:-1], "truncated record at 22"),
        (lambda content: content[:30], "truncated record at 22"),
        (lambda content: content[:13] + b"?" + content[14:], "corrupted record at 0"),
        (lambda content: b"?" + content[1:], "corrupted record at 0"),
        (gzip.compress, "corrupted record at 0. It is compressed with gzip."),
        (lambda content: content + b"\xff" * 4, "truncated record at 43"),
    ],
)
def test_a_damaged_file_is_told_with_its_place(tmp_path, damage, text):
    content = write_record(b"second") + write_record(b"first")
    with pytest.raises(UnreadableError, match=text):
        read(file(tmp_path, damage(content)), InputFormat.TF_RECORD)


def test_a_compressed_file_that_was_cut_is_damaged(tmp_path):
    with pytest.raises(UnreadableError, match="not what gzip wrote"):
        read(file(tmp_path, gzip.compress(b"a\nb\n" * 1000)[:-9]))
    with pytest.raises(UnreadableError, match="not what gzip wrote"):
        read(file(tmp_path, b"no gzip"), InputFormat.TF_RECORD_GZIP)


@pytest.mark.parametrize("size", [3, 300_000])
def test_records_before_the_damage_are_given(tmp_path, size):
    content = write_record(b"x" * size) + b"\xff" * 20
    found: list[Records] = []
    with pytest.raises(UnreadableError):
        found.extend(read_records(file(tmp_path, content), InputFormat.TF_RECORD))
    assert [b"x" * size] in found


def test_lines_before_the_damage_are_given(tmp_path):
    lines = [b"%d" % number for number in range(200_000)]
    found: list[Records] = []
    with pytest.raises(UnreadableError):
        found.extend(read_records(file(tmp_path, gzip.compress(b"\n".join(lines))[:-4]), InputFormat.JSON_LINES))
    given = [line for records in found if not isinstance(records, TooLarge) for line in records]
    assert len(given) > 100_000
    assert given == lines[: len(given)]
