"""Pins on TensorFlow that are known not to be had here, so that no index has to say so, and what was pinned with it.
Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cloud.engine.runtimes.demands import Demand, Markers, required_by
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.names import PYTHON, minor
from cloud.engine.runtimes.runtime import RuntimeRequest

_TENSORFLOW = "tensorflow"
_FIRST_WHEELS: Mapping[str, str] = {"3.10": "2.8", "3.11": "2.12", "3.12": "2.16", "3.13": "2.20"}
"""The first version with wheels for each Python (https://pypi.org/project/tensorflow/#files)."""
_PARTS = frozenset({"keras", "tensorflow-estimator"})
"""They go with one version of TensorFlow each, also where a job pins nothing else."""
_BUILDS = frozenset({"tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel"})
"""Other names of the same modules. tensorflow-gpu has no wheel for Python 3.11 and later."""


def without_framework_pins(
    demands: Sequence[Demand], visible: Distributions, python: str, markers: Markers
) -> tuple[list[Demand], list[str]]:
    """The demands without those in whose place the runtime's versions are used, and a warning for each: pins on
    TensorFlow that cannot be had, and pins that were made for that TensorFlow and break the runtime's.

    Args:
        visible: to the job.
        python: ``MAJOR.MINOR``.
    """
    replaced = {id(demand): warning for demand in demands if (warning := replaced_pin(demand, visible, python))}
    kept = [demand for demand in demands if id(demand) not in replaced]
    warnings = list(replaced.values())
    present = visible.get(_TENSORFLOW)
    if present is None or any(_name(demand) in (_TENSORFLOW, *_BUILDS) for demand in kept):
        return kept, warnings
    of_framework = {_name(demand): demand for demand in required_by(present, (), markers)}
    fitting = []
    for demand in kept:
        name = _name(demand)
        wanted, found = of_framework.get(name), visible.get(name)
        if not wanted or not found or not (replaced or name in _PARTS) or _may_agree(demand, wanted, found.version):
            fitting.append(demand)
        else:
            warnings.append(f"{demand} does not fit {present}, which requires {wanted}; {found.version} is used.")
    return fitting, warnings


def replaced_pin(demand: Demand, visible: Distributions, python: str) -> str | None:
    """The warning of a job in which the runtime's TensorFlow takes the place of the one that ``demand`` names; None if
    that one may be had, or the runtime has none.

    Args:
        visible: to the job.
        python: ``MAJOR.MINOR``.
    """
    present, name = visible.get(_TENSORFLOW), _name(demand)
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


def with_older_tensorflow(request: RuntimeRequest, requirements: Sequence[str], python: str) -> RuntimeRequest:
    """What an image requests that was made from ``request``'s, and where pip then installed ``requirements``: the
    TensorFlow that they pin, if it has no wheels here. The runtime that stands for it is nearer than the base's, in
    which that pin would only give way.

    Args:
        requirements: the last one counts; those that are no requirements of an index are ignored.
        python: ``MAJOR.MINOR``, of runtimes.
    """
    first = _FIRST_WHEELS.get(python)
    if first is None or request.framework not in ("tensorflow", PYTHON):
        return request
    for text in reversed(requirements):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) not in (_TENSORFLOW, *_BUILDS) or requirement.url:
            continue
        pins = [one for one in requirement.specifier if one.operator != "<" and _ends_before(one, first)]
        if not pins:
            return request
        version = minor(f"{Version(pins[0].version.removesuffix('.*'))}")
        return replace(
            request,
            framework=_TENSORFLOW,
            version=version if "." in version else f"{version}.0",
            text=f"{request.text} with {requirement}",
        )
    return request


def _name(demand: Demand) -> str:
    return canonicalize_name(demand.requirement.name)


def _may_agree(one: Demand, other: Demand, present: str) -> bool:
    """Whether a version may exist that both allow; ``present`` is one that does."""
    specifiers = one.requirement.specifier, other.requirement.specifier
    named = [specifier.version.removesuffix(".*") for both in specifiers for specifier in both]
    return bool(one.requirement.url) or any(
        all(both.contains(version, prereleases=True) for both in specifiers) for version in (present, *named)
    )


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
