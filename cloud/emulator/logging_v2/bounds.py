"""The times and jobs outside which no entry matches a filter: found before any log is read. Pure."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud.emulator.logging_v2.values import nanoseconds
from cloud.emulator.rest.filter_tokens import path_of
from cloud.emulator.rest.filters import And, Comparison, Or, Tree

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JOB_IDS = (("resource", "labels", "job_id"), ("labels", "ml.googleapis.com/job_id"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """No entry outside matches. By default there are no bounds."""

    since: datetime | None = None
    """A moment to the microsecond, as those of entries are."""
    until: datetime | None = None
    jobs: frozenset[str] | None = None
    """Ids of jobs in lower case."""

    def both(self, other: "Bounds") -> "Bounds":
        """Intersection."""
        jobs = [ids for ids in (self.jobs, other.jobs) if ids is not None]
        return Bounds(
            since=max(filter(None, (self.since, other.since)), default=None),
            until=min(filter(None, (self.until, other.until)), default=None),
            jobs=frozenset.intersection(*jobs) if jobs else None,
        )

    def either(self, other: "Bounds") -> "Bounds":
        """Union."""
        return Bounds(
            since=min(self.since, other.since) if self.since and other.since else None,
            until=max(self.until, other.until) if self.until and other.until else None,
            jobs=self.jobs | other.jobs if self.jobs is not None and other.jobs is not None else None,
        )


UNBOUNDED = Bounds()


def bounds_of(tree: Tree) -> Bounds:
    """
    Raises:
        InvalidArgument: an invalid timestamp.
    """
    match tree:
        case And(parts):
            return functools.reduce(Bounds.both, map(bounds_of, parts), UNBOUNDED)
        case Or(parts):
            return functools.reduce(Bounds.either, map(bounds_of, parts))
        case Comparison(field, operator, value):
            return _of_comparison(path_of(field), operator, value.value)
    return UNBOUNDED


def _of_comparison(path: Sequence[str], operator: str, text: str) -> Bounds:
    if tuple(path) == ("timestamp",) and operator in ("=", ">", ">=", "<", "<="):
        moment = _EPOCH + timedelta(microseconds=nanoseconds(text) // 1000)
        return Bounds(since=None if "<" in operator else moment, until=None if ">" in operator else moment)
    if tuple(path) in _JOB_IDS and operator == "=":
        return Bounds(jobs=frozenset({text.casefold()}))
    return UNBOUNDED
