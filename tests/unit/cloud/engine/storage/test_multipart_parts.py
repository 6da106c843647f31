import base64
from datetime import UTC, datetime

import pytest

from cloud.engine.storage.multipart_errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    MalformedCompletion,
)
from cloud.engine.storage.multipart_parts import MAX_PART, MIN_PART, check_part, choose
from cloud.engine.storage.multipart_records import Part
from cloud.errors import InvalidArgument


def a_part(number, size=MIN_PART):
    return Part(number, (), size, base64.b64encode(b"%d" % number).decode(), "crc", datetime.now(UTC))


PARTS = {number: a_part(number) for number in (1, 3, 10_000)} | {4: a_part(4, MIN_PART - 1)}
TAGS = {number: part.tag for number, part in PARTS.items()}


def test_the_parts_named_in_their_order():
    wanted = [(1, TAGS[1]), (3, TAGS[3]), (4, TAGS[4])]
    assert choose(PARTS, wanted) == [PARTS[1], PARTS[3], PARTS[4]]


@pytest.mark.parametrize(
    ("numbers", "error"),
    [
        ((), MalformedCompletion),
        ((3, 1), InvalidPartOrder),
        ((1, 1), InvalidPartOrder),
        ((1, 2), InvalidPart),
        ((4, 10_000), EntityTooSmall),
    ],
)
def test_what_cannot_be_completed(numbers, error):
    with pytest.raises(error):
        choose(PARTS, [(number, TAGS.get(number, "")) for number in numbers])
    with pytest.raises(InvalidPart, match="has the ETag '31', not 'x'"):
        choose(PARTS, [(1, "x")])


def test_an_object_has_at_most_five_tebibytes():
    parts = {number: a_part(number, MAX_PART) for number in range(1, 1026)}
    assert len(choose(parts, [(number, parts[number].tag) for number in range(1, 1025)])) == 1024
    with pytest.raises(EntityTooLarge):
        choose(parts, [(number, part.tag) for number, part in parts.items()])


def test_numbers_and_sizes():
    check_part(1, 0)
    check_part(10_000, MAX_PART)
    for number in (0, 10_001):
        with pytest.raises(InvalidArgument, match=f"between 1 and 10000, inclusive, not {number}"):
            check_part(number, 1)
    with pytest.raises(EntityTooLarge):
        check_part(1, MAX_PART + 1)
