import pytest

from cloud.emulator.storage_v1.sizes import ANY_SIZE, TooLarge, TooSmall, limited, parse_range
from cloud.errors import InvalidArgument


async def blocks(*sizes: int):
    for size in sizes:
        yield b"x" * size


def test_the_header_has_two_numbers():
    assert parse_range(None) == ANY_SIZE
    assert parse_range("0,5") == parse_range(" 0, 5") == (0, 5)
    for wrong in ("", "5", "5,1", "-1,2", "a,b", "1,2,3", "1," + "9" * 19):
        with pytest.raises(InvalidArgument, match="is not like MIN,MAX"):
            parse_range(wrong)


async def test_a_body_is_refused_as_soon_as_it_is_too_large_or_ended_too_small():
    assert b"".join([block async for block in limited(blocks(2, 3), (5, 5))]) == b"x" * 5
    with pytest.raises(TooSmall):
        [block async for block in limited(blocks(2, 2), (5, 9))]
    body = limited(blocks(2, 2, 2), (0, 3))
    assert await anext(body) == b"xx"
    with pytest.raises(TooLarge):
        await anext(body)
