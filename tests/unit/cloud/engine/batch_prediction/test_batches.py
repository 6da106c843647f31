from collections.abc import Iterator, Sequence

import pytest

from cloud.engine.batch_prediction import batches as under_test
from cloud.engine.batch_prediction.batches import batches
from cloud.engine.batch_prediction.instances import Batch
from cloud.engine.batch_prediction.readers import Records, TooLarge, UnreadableError


def made(lists: Sequence[Records], size: int) -> list[list[bytes] | str]:
    found = batches(lists, lambda records: Batch(len(records), list(records)), size)
    return [batch.error or batch.instances for batch in found if batch is not None]


def test_batches_do_not_depend_on_how_the_file_was_read():
    records = [b"%d" % number for number in range(10)]
    expected = [records[:4], records[4:8], records[8:]]
    for cut in range(11):
        assert made([records[:cut], [], records[cut:]], 4) == expected
    assert made([records], 5) == [records[:5], records[5:]]
    assert made([], 5) == []


def test_a_record_that_is_too_large_fails_alone():
    assert made([[b"a", b"b"], TooLarge(10**9), [b"c"]], 4) == [
        [b"a", b"b"],
        "The instance is too large: 1000000000 bytes, where a request to the model has at most 32 MiB.",
        [b"c"],
    ]


def test_a_batch_of_large_records_is_divided(monkeypatch):
    monkeypatch.setattr(under_test, "MAX_BATCH", 5)
    assert made([[b"aaa", b"bb", b"c", b"dddddd", b"e"]], 8) == [[b"aaa", b"bb"], [b"c"], [b"dddddd"], [b"e"]]


def test_rows_before_a_damage_are_a_batch():
    def damaged() -> Iterator[Records]:
        yield [b"a", b"b", b"c"]
        raise UnreadableError("cut")

    found = batches(damaged(), lambda records: Batch(len(records), list(records)), 2)
    read: list[Batch | None] = []
    with pytest.raises(UnreadableError):
        read.extend(found)
    assert [batch.instances for batch in read if batch] == [[b"a", b"b"], [b"c"]]
