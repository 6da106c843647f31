"""Pins on TensorFlow that are known not to be had here, so that no index has to say so. Pure."""

from collections.abc import Mapping

from packaging.specifiers import Specifier
from packaging.version import InvalidVersion, Version

from cloud.engine.runtimes.demands import Demand
from cloud.engine.runtimes.distributions import Distributions

_TENSORFLOW = "tensorflow"
_FIRST_WHEELS: Mapping[str, str] = {"3.10": "2.8", "3.11": "2.12", "3.12": "2.16", "3.13": "2.20"}
"""The first version with wheels for each Python (https://pypi.org/project/tensorflow/#files)."""
_BUILDS = frozenset({"tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel"})
"""Other names of the same modules. tensorflow-gpu has no wheel for Python 3.11 and later."""


def replaced_pin(demand: Demand, visible: Distributions, python: str) -> str | None:
    """The warning of a job in which the runtime's TensorFlow takes the place of the one that ``demand`` names; None if
    that one may be had, or the runtime has none.

    Args:
        visible: to the job.
        python: ``MAJOR.MINOR``.
    """
    present, name = visible.get(_TENSORFLOW), demand.requirement.name.lower().replace("_", "-")
    if present is None or demand.requirement.url:
        return None
    fits = demand.requirement.specifier.contains(present.version, prereleases=True)
    if name in _BUILDS and fits:
        return f"{demand} is met by {_TENSORFLOW} {present.version}."
    if name in (_TENSORFLOW, *_BUILDS):
        first = _FIRST_WHEELS.get(python)
        if name == "tensorflow-gpu" or (first and any(_ends_before(s, first) for s in demand.requirement.specifier)):
            other = "" if name == _TENSORFLOW else f"{_TENSORFLOW} "
            return f"{demand} has no wheel for Python {python}; {other}{present.version} is used."
    return None


def _ends_before(specifier: Specifier, first: str) -> bool:
    """Whether it allows no version from ``first`` on."""
    try:
        last = Version(specifier.version.removesuffix(".*"))
    except InvalidVersion:
        return False
    if specifier.operator == "~=":
        # ~=2.8.0 ends with 2.8, ~=2.8 with 2.
        kept = last.release[:-1]
        return kept < Version(first).release[: len(kept)]
    if specifier.operator == "<":
        return last <= Version(first)
    return specifier.operator in ("==", "===", "<=") and last < Version(first)
