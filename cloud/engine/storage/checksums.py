"""Checksums that a writer announces, compared with those of the bytes that arrived.

https://cloud.google.com/storage/docs/data-validation; texts as Google's clients report them.
"""

import base64
import binascii
from typing import NoReturn

from cloud.engine.storage.errors import StorageFault
from cloud.errors import InvalidArgument


class CrcMismatch(StorageFault, InvalidArgument):
    xml_code, xml_message = "CrcMismatch", "The CRC32C you specified did not match what we computed."


class BadDigest(StorageFault, InvalidArgument):
    xml_code, xml_message = "BadDigest", "The digest you specified did not match what we computed."


class InvalidDigest(StorageFault, InvalidArgument):
    """It is no checksum at all."""

    xml_code, xml_message = "InvalidDigest", "The Content-MD5 or checksum you specified is not valid."


_NAMES = {"md5": "MD5 hash", "crc32c": "CRC32C"}
_BYTES = {"md5": 16, "crc32c": 4}


def check(kind: str, announced: str | None, found: str | None) -> None:
    """Args:
        kind: ``md5`` or ``crc32c``.
        announced: base64; None if the writer announced none.
        found: of the bytes that arrived.

    Raises:
        CrcMismatch, BadDigest, InvalidDigest: it is another one.
    """
    if announced not in (None, found):
        _refuse(kind, str(announced), f'calculated {_NAMES[kind]} "{found}".')


def agreed(kind: str, announced: str | None, again: str) -> str:
    """A checksum that is announced twice, as in an object's resource and in a header: both must hold.

    Raises:
        CrcMismatch, BadDigest, InvalidDigest: they differ.
    """
    if announced not in (None, again):
        _refuse(kind, again, f'the {_NAMES[kind]} "{announced}" that is announced, too.')
    return again


def _refuse(kind: str, announced: str, other: str) -> NoReturn:
    try:
        is_checksum = len(base64.b64decode(announced, validate=True)) == _BYTES[kind]
    except (binascii.Error, ValueError):
        is_checksum = False
    fault = (CrcMismatch if kind == "crc32c" else BadDigest) if is_checksum else InvalidDigest
    raise fault(f'Provided {_NAMES[kind]} "{announced[:100]}" doesn\'t match {other}')
