import stat
from pathlib import Path

import pytest

from cloud.classroom.records import ClassRecords
from cloud.errors import FailedPrecondition


def test_addresses_stay_over_restarts(tmp_path: Path) -> None:
    file = tmp_path / "students.json"
    records = ClassRecords(file)
    key = records.door("ana-maria").key
    records.set_port("ana-maria", 4711)
    assert records.door("ben-001").key != key
    door = ClassRecords(file).door("ana-maria")
    assert (door.key, door.port) == (key, 4711)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "students": {}}', '{"format": 1, "students": {"a": {}}}'])
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "students.json").write_text(text)
    with pytest.raises(FailedPrecondition, match=r"students\.json was made by another version .* or is damaged"):
        ClassRecords(tmp_path / "students.json")
