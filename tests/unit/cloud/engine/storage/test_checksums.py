"""Announced checksums."""

import pytest

from cloud.engine.storage.checksums import BadDigest, CrcMismatch, InvalidDigest, agreed, check

MD5, OTHER_MD5 = "CY9rzUYh03PK3k6DJie09g==", "rL0Y20zC+Fzt72VPzMSk2A=="


def test_the_right_ones_and_none_pass():
    check("md5", None, MD5)
    check("md5", MD5, MD5)
    assert agreed("crc32c", None, "AAAAAA==") == agreed("crc32c", "AAAAAA==", "AAAAAA==") == "AAAAAA=="


@pytest.mark.parametrize(
    ("kind", "announced", "found", "error", "text"),
    [
        (
            "md5",
            MD5,
            OTHER_MD5,
            BadDigest,
            f'Provided MD5 hash "{MD5}" doesn\'t match calculated MD5 hash "{OTHER_MD5}".',
        ),
        ("md5", MD5, None, BadDigest, "None"),
        (
            "crc32c",
            "AAAAAA==",
            "n/7wpQ==",
            CrcMismatch,
            'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "n/7wpQ==".',
        ),
        ("md5", "AAAAAA==", MD5, InvalidDigest, "doesn't match"),
        ("crc32c", "ü", "AAAAAA==", InvalidDigest, "doesn't match"),
    ],
)
def test_others_are_refused(kind, announced, found, error, text):
    with pytest.raises(error) as caught:
        check(kind, announced, found)
    assert text in caught.value.message
    with pytest.raises(error, match="announced"):
        agreed(kind, found or OTHER_MD5, announced)
