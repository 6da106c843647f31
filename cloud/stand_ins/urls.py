"""Addresses of objects, local files and wildcards, by the rules that gsutil and ``gcloud storage`` share.

https://cloud.google.com/storage/docs/wildcards: ``*`` and ``?`` match within a folder, ``**`` across folders.
"""

import re
from dataclasses import dataclass

from cloud.stand_ins.failures import Failure

_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Url:
    """A bucket or an object; of no bucket: all of them (``gs://``)."""

    bucket: str
    name: str = ""

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.name}" if self.name else f"gs://{self.bucket}"

    @property
    def has_wildcard(self) -> bool:
        return has_wildcard(self.bucket) or has_wildcard(self.name)

    def below(self, name: str) -> "Url":
        """Another object of the bucket."""
        return Url(self.bucket, name)


def is_url(text: str) -> bool:
    return re.match(r"[a-z0-9]+://", text) is not None and not text.startswith("file://")


def parse(text: str) -> Url:
    """Raises:
    Failure: it is of another scheme.
    """
    if not text.startswith("gs://"):
        raise Failure(f'Invalid URL: "{text}" does not begin with gs://')
    bucket, _, name = text.removeprefix("gs://").partition("/")
    return Url(bucket, name)


def has_wildcard(text: str) -> bool:
    return _WILDCARD.search(text) is not None


def literal_prefix(pattern: str) -> str:
    """What every match begins with."""
    found = _WILDCARD.search(pattern)
    return pattern[: found.start()] if found else pattern


def pattern_of(wildcard: str) -> re.Pattern[str]:
    """The regular expression of names; ``*`` does not match a slash, ``**`` does."""
    parts: list[str] = []
    position = 0
    while position < len(wildcard):
        char = wildcard[position]
        if wildcard.startswith("**", position):
            parts.append(".*")
            position += 2
            continue
        if char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[" and (end := wildcard.find("]", position + 2)) != -1:
            inner = wildcard[position + 1 : end]
            negated, inner = inner.startswith("!"), inner.removeprefix("!")
            parts.append(f"[{'^' if negated else ''}{re.escape(inner).replace(chr(92) + '-', '-')}]")
            position = end + 1
            continue
        else:
            parts.append(re.escape(char))
        position += 1
    return re.compile("".join(parts), re.DOTALL)
