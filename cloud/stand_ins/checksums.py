"""Checksums as Cloud Storage writes them: base64 of the big-endian bytes."""

from base64 import b64encode
from pathlib import Path


def crc32c(path: Path) -> str:
    import google_crc32c  # of no use to most commands

    found = google_crc32c.value(b"")
    with path.open("rb") as file:
        while block := file.read(2**20):
            found = google_crc32c.extend(found, block)
    return b64encode(int(found).to_bytes(4, "big")).decode()


def md5(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return b64encode(hashlib.file_digest(file, "md5").digest()).decode()
