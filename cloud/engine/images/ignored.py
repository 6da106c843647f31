"""``.dockerignore``: which files of a build's context do not count. Pure.

https://docs.docker.com/build/concepts/context/#dockerignore-files. Git's rules, which libraries on PyPI have, differ: a
pattern without a slash holds in every folder there, here only at the top.
"""

import posixpath
from collections.abc import Sequence

from cloud.engine.images.patterns import compiled


class Ignored:
    """
    Args:
        text: the content of ``.dockerignore``.
    """

    def __init__(self, text: str = "") -> None:
        self._rules = [_rule(line) for line in _lines(text)]
        self.has_exceptions = any(is_exception for _, is_exception in self._rules)
        """Whether a file may count whose folder does not."""

    def __call__(self, path: str) -> bool:
        """Whether a path, relative to the context, is ignored: it, or a folder that it is in."""
        parents = [path]
        while parent := posixpath.dirname(parents[-1]):
            parents.append(parent)
        ignored = False
        for pattern, is_exception in self._rules:
            # Only a rule that would change the answer is tried.
            if ignored == is_exception and any(compiled(pattern).fullmatch(one) for one in parents):
                ignored = not is_exception
        return ignored


def _lines(text: str) -> Sequence[str]:
    stripped = (line.strip() for line in text.removeprefix("\ufeff").splitlines() if not line.startswith("#"))
    return [line for line in stripped if line.strip("!").strip()]


def _rule(line: str) -> tuple[str, bool]:
    pattern = line.removeprefix("!").strip()
    return posixpath.normpath(pattern).lstrip("/"), line.startswith("!")
