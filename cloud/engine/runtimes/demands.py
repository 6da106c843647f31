"""The requirements of a job: what its packages' metadata and the job itself state, and which of them are met."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from cloud.engine.runtimes.distributions import Distribution, Distributions
from cloud.engine.runtimes.uv_errors import redact
from cloud.errors import FailedPrecondition

FIELD = "training_input.package_uris"
THE_JOB = "the job"
_WHEEL_URL = re.compile(r"https?://[^#?\s]+\.whl(?:[#?].*)?")

Markers = Mapping[str, str]
"""The values of environment markers (``python_version``, ``sys_platform``, …) in the job's Python."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A requirement, and what states it.

    Args:
        by: ``trainer 0.1``, or ``the job``.
    """

    requirement: Requirement
    by: str

    def __str__(self) -> str:
        requirement = self.requirement
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        # Without the marker, which has been evaluated.
        return f"{requirement.name}{extras}" + (
            f" @ {requirement.url}" if requirement.url else str(requirement.specifier)
        )

    @property
    def statement(self) -> str:
        """For messages: ``trainer 0.1 requires lightgbm==4.3.0``."""
        return redact(f"{self.by} requires {self}")


def collect(packages: Iterable[Distribution], stated: Sequence[str], markers: Markers) -> list[Demand]:
    """The demands that hold in the job's Python.

    Args:
        packages: of the job.
        stated: the job's own requirements.

    Raises:
        FailedPrecondition: one cannot be read, or is of a form that is not installed here.
    """
    demands = [_read(text, THE_JOB) for text in stated]
    demands += [_read(text, str(package)) for package in packages for text in package.requires]
    return [demand for demand in demands if _holds(demand, markers, "")]


def is_met(demand: Demand, installed: Distributions, markers: Markers) -> bool:
    """Whether ``installed`` has it in a version that fits, and what the extras that it names require."""
    return _is_met(demand, installed, markers, frozenset())


def required_by(distribution: Distribution, extras: Iterable[str], markers: Markers) -> Iterator[Demand]:
    """What ``distribution`` with ``extras`` requires.

    Raises:
        FailedPrecondition: its metadata cannot be read.
    """
    for text in distribution.requires:
        demand = _read(text, str(distribution))
        if any(_holds(demand, markers, extra) for extra in ("", *extras)):
            yield demand


def _is_met(demand: Demand, installed: Distributions, markers: Markers, seen: frozenset[str]) -> bool:
    requirement = demand.requirement
    found = installed.get(requirement.name)
    if found is None or requirement.url or not requirement.specifier.contains(found.version, prereleases=True):
        return False
    # Extras may name each other in a circle: ``all`` of a package is often ``package[a,b]``.
    extras = {extra for extra in requirement.extras if f"{found.name}[{extra}]" not in seen}
    seen |= {f"{found.name}[{extra}]" for extra in extras}
    return not extras or all(
        _is_met(below, installed, markers, seen)
        for below in required_by(found, extras, markers)
        if not _holds(below, markers, "")
    )


def _read(text: str, by: str) -> Demand:
    shown = redact(text.strip())[:200]
    try:
        requirement = Requirement(text.strip())
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        raise FailedPrecondition(
            f"{by} requires {shown!r}, which cannot be read ({redact(why)}): write NAME, NAME==VERSION or another "
            "requirement of https://packaging.python.org/specifications/dependency-specifiers/",
            field=FIELD,
        ) from None
    if requirement.url and not _WHEEL_URL.fullmatch(requirement.url):
        raise FailedPrecondition(
            f"{by} requires {shown!r}: of URLs only those of wheels over http are installed here, since nothing is "
            "built from source but the job's own packages: add it to the job's packages, as a .tar.gz or .whl in the "
            "bucket",
            field=FIELD,
        )
    return Demand(requirement, by)


def _holds(demand: Demand, markers: Markers, extra: str) -> bool:
    marker = demand.requirement.marker
    try:
        return marker is None or marker.evaluate({**markers, "extra": extra})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True  # as pip, which then installs it
