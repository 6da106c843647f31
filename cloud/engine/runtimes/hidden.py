"""Distributions that this program's own environment has but a job does not see: linked for a job that requires them.

That needs neither uv nor an index, and takes a millisecond.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from cloud.engine.runtimes.demands import Demand, Markers, is_met, required_by
from cloud.engine.runtimes.distributions import Distribution, Distributions
from cloud.engine.runtimes.link_tree import recorded_files

_OWN = "offline-ml-cloud"


def own_distributions() -> Distributions:
    """Those of this program's environment."""
    return Distributions(Path(folder) for folder in sys.path if folder and os.path.isdir(folder))


def find_hidden(demand: Demand, visible: Distributions, own: Distributions, markers: Markers) -> list[Distribution]:
    """The hidden distributions that have to be linked so that ``demand`` is met; empty if that does not meet it.

    Args:
        visible: to the job.
        own: see ``own_distributions``.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str], str]] = set()
    following = [demand]
    while following:
        wanted = following.pop()
        requirement = wanted.requirement
        key = (requirement.name, frozenset(requirement.extras), str(requirement.specifier))
        if key in seen or is_met(wanted, visible, markers):
            continue
        seen.add(key)
        hidden = own.get(requirement.name)
        # If another version is visible, it stays so for what was built against it.
        if hidden is None or hidden.name == _OWN or visible.get(requirement.name) or not recorded_files(hidden.info):
            return []
        if requirement.url or not requirement.specifier.contains(hidden.version, prereleases=True):
            return []
        found[hidden.name] = hidden
        following.extend(required_by(hidden, requirement.extras, markers))
    return list(found.values())


def link(distributions: Iterable[Distribution], target: Path) -> None:
    """Make them importable from the folder ``target``, and their metadata readable."""
    target.mkdir(parents=True, exist_ok=True)
    for distribution in distributions:
        _link(_tree(recorded_files(distribution.info)), distribution.folder, target)


_Tree = dict[str, "_Tree"]


def _tree(files: Iterable[str]) -> _Tree:
    tree: _Tree = {}
    for file in files:
        parts = Path(file).parts
        if parts[0] not in ("..", "/", "__pycache__"):  # scripts and such lie outside the import path
            branch = tree
            for part in parts:
                branch = branch.setdefault(part, {})
    return tree


def _link(tree: _Tree, source: Path, target: Path) -> None:
    for name, below in tree.items():
        if below and not (source / name / "__init__.py").exists():
            # A namespace is shared with other distributions: only what is this one's is linked.
            (target / name).mkdir(exist_ok=True)
            _link(below, source / name, target / name)
        elif not (target / name).is_symlink():
            (target / name).symlink_to(source / name)
