"""Etags of policies: eight bytes in base64, as Google's (``BwWWja0YfJA=``). Pure."""

import base64

from cloud.errors import Aborted


def etag(revision: int) -> str:
    return base64.b64encode(b"\x07" + revision.to_bytes(7, "big")).decode()


def check(given: str | None, current: str) -> None:
    """Raises:
    Aborted: the policy was changed since ``given`` was read; None or an empty one replaces any.
    """
    if given and given != current:
        raise Aborted(
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
        )
