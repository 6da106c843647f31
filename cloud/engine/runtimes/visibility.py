"""Which of the installed distributions a job does not see: what is here for this program alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packaging.markers import UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK, FRAMEWORK

PRODUCT = canonicalize_name("offline-ml-cloud")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_Names = set[NormalizedName]


def hidden_names(requires: Mapping[NormalizedName, Iterable[str]]) -> _Names:
    """This program, and what only it requires: no other distribution reaches it, and Google's images do not hold it.

    What its extras require counts as its own: whoever installed the extra ``testing`` did not install pytest for jobs.

    Args:
        requires: of each distribution, its requirements with their markers.
    """
    if PRODUCT not in requires:
        return set()
    own = _reach(requires, (line.partition(";")[0] for line in requires[PRODUCT]))
    others = requires.keys() - own - {PRODUCT}
    # Not through this program: a project that requires it to test its trainers does not bring it to its jobs.
    seen = _reach(requires, (*others, *FRAMEWORK, *BESIDE_FRAMEWORK))
    return (own - seen) | {PRODUCT}


def read_requires(info: Path) -> list[str]:
    """The requirements in the metadata ``info``, a ``.dist-info`` or ``.egg-info``. Faster than importlib.metadata,
    which reads the whole description, too."""
    for file in (info / "METADATA", info / "PKG-INFO", info):
        if file.is_file():
            with file.open(encoding="utf-8", errors="replace") as lines:
                return list(_fields(lines))
    return []


def _fields(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if not line.strip():
            return  # the description follows
        name, _, value = line.partition(":")
        if name.lower() == "requires-dist":
            yield value.strip()


def _reach(requires: Mapping[NormalizedName, Iterable[str]], roots: Iterable[str]) -> _Names:
    """The installed distributions that ``roots``, which are requirements, lead to."""
    reached: dict[NormalizedName, set[str]] = {}
    following = list(roots)
    while following:
        name, extras = _name_and_extras(following.pop())
        if name is None or name not in requires or name == PRODUCT:
            continue
        known = reached.get(name)
        if known is not None and extras <= known:
            continue
        reached[name] = extras | (known or set())
        following += [line for line in requires[name] if _applies(line, reached[name])]
    return set(reached)


def _name_and_extras(line: str) -> tuple[NormalizedName | None, set[str]]:
    found = _NAME.match(line.strip())
    if found is None:
        return None, set()
    rest = line.strip()[found.end() :].lstrip()
    extras = rest[1:].partition("]")[0].split(",") if rest.startswith("[") else []
    return canonicalize_name(found[0]), {canonicalize_name(extra.strip()) for extra in extras}


def _applies(line: str, extras: set[str]) -> bool:
    """Whether a requirement's marker is met. Parsing is what takes the time: most need none."""
    _, _, marker = line.partition(";")
    if not marker or ("extra" in marker and not extras):
        return not marker
    try:
        parsed = Requirement(line).marker
        return parsed is None or any(parsed.evaluate({"extra": extra}) for extra in ("", *extras))
    except (InvalidRequirement, UndefinedComparison):
        return True
