from dataclasses import dataclass

import pytest

from cloud.engine.storage.preconditions import ConditionNotMet, NotModified, Preconditions


@dataclass(frozen=True)
class Stored:
    generation: int = 5
    metageneration: int = 2


@pytest.mark.parametrize(
    ("conditions", "current", "holds"),
    [
        (Preconditions(), None, True),
        (Preconditions(generation_match=5), Stored(), True),
        (Preconditions(generation_match=4), Stored(), False),
        (Preconditions(generation_match=0), None, True),
        (Preconditions(generation_match=0), Stored(), False),
        (Preconditions(generation_match=5), None, False),
        (Preconditions(generation_not_match=5), Stored(), False),
        (Preconditions(generation_not_match=4), Stored(), True),
        (Preconditions(generation_not_match=0), None, False),
        (Preconditions(metageneration_match=2), Stored(), True),
        (Preconditions(metageneration_match=1), Stored(), False),
        (Preconditions(metageneration_match=1), None, False),
        (Preconditions(metageneration_not_match=2), Stored(), False),
        (Preconditions(generation_match=5, metageneration_match=1), Stored(), False),
    ],
)
def test_conditions(conditions, current, holds):
    if holds:
        conditions.check(current)
    else:
        with pytest.raises(ConditionNotMet) as caught:
            conditions.check(current)
        assert caught.value.http_status == 412


def test_a_read_of_the_callers_version_is_not_modified():
    with pytest.raises(NotModified) as caught:
        Preconditions(generation_not_match=5).check(Stored(), reading=True)
    assert caught.value.http_status == 304
    with pytest.raises(ConditionNotMet):
        Preconditions(generation_match=4).check(Stored(), reading=True)
