"""The patterns of file names in a Dockerfile and in ``.dockerignore``: Go's ``filepath.Match``, and ``**``. Pure.

https://pkg.go.dev/path/filepath#Match, https://docs.docker.com/build/concepts/context/#syntax
"""

import functools
import re

WILDCARDS = frozenset("*?[")


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """For ``fullmatch`` with a path of names and slashes."""
    found, place = "", 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            if pattern[place : place + 1] != "*":
                found += "[^/]*"
                continue
            place += 1
            if pattern[place : place + 1] == "/":
                place += 1
            found += ".*" if place >= len(pattern) else "(?:.*/)?"
        elif character == "?":
            found += "[^/]"
        elif character == "\\" and place < len(pattern):
            found += re.escape(pattern[place])
            place += 1
        elif character == "[" and (end := pattern.find("]", place + 2)) > 0:
            inside = pattern[place:end]
            negated = inside[0] in "^!"
            # What a set of Python's has beside Go's: sets in sets, and operators between them.
            escaped = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[negated:])
            found += f"[{'^/' if negated else ''}{escaped}]"
            place = end + 1
        else:
            found += re.escape(character)
    try:
        return re.compile(found, re.DOTALL)
    except re.error:  # a range from a higher to a lower character
        return re.compile(re.escape(pattern))


def has_wildcards(text: str) -> bool:
    return bool(WILDCARDS & set(text))
