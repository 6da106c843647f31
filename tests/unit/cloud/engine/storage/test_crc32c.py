import base64

import google_crc32c
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage import crc32c


def checksum(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


@given(st.lists(st.binary(max_size=300)))
def test_the_checksum_of_joined_bytes_is_that_of_their_parts_joined(parts):
    found = crc32c.joined([(checksum(part), len(part)) for part in parts])
    assert found == checksum(b"".join(parts))


def test_sizes_beyond_32_bits_are_joined():
    zeros = checksum(b"\0" * (1 << 20))
    half = crc32c.joined([(zeros, 1 << 20)] * (1 << 12))
    assert crc32c.joined([(half, 1 << 32), (half, 1 << 32)]) == crc32c.joined([(zeros, 1 << 20)] * (1 << 13))
