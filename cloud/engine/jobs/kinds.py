"""What a kind of job has to provide, so that ``JobService`` can run it.

A *run* is all that runs for one job, as *parts* that hold one slot of the scheduler each: a training job has one part,
an ``Execution``; a tuning job has one for each trial.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cloud.engine.jobs.logs import JobLog
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobEvent, JobState
from cloud.resources import Job, JobSpec


class Part(Protocol):
    """It holds one slot of the scheduler while ``run`` runs."""

    state: JobState
    """Set by the service, by the transitions in ``lifecycle``."""

    def cancel(self) -> None:
        """End it; STOPPED is reported once its processes are gone."""

    async def run(self) -> None:
        """Return once its processes and folders are gone and its last event is reported. Raises nothing."""


Report = Callable[[Part, JobEvent, str], None]
"""To be called with each event of a part, and a message for the job's ``errorMessage``."""


class Run(Protocol):
    """Of one job, from its first slot until it is finished. It is used in the event loop's thread only."""

    @property
    def message(self) -> str:
        """For the job's ``errorMessage``."""

    def waiting(self) -> int:
        """How many further parts could start now, if there are slots."""

    def start(self) -> Part:
        """Make the next part, which is QUEUED. Only called if one is waiting."""

    def on_event(self, part: Part, event: JobEvent, message: str, /) -> None:
        """After ``part.state`` changed."""

    def states(self) -> Collection[JobState]:
        """From which the job's state follows (``lifecycle.next_job_event``): of the parts, where one that has yet to
        start is QUEUED, or of what stands for them in the job's outcome."""

    def cancel(self) -> None:
        """No further part starts, nor is in ``states``. Those that run are cancelled by the service."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the service gives to a run."""

    folder: Path
    """Private; not made yet."""
    log: JobLog
    report: Report
    create_time: datetime
    """Of the job."""
    changed: Callable[[], None] = lambda: None
    """To be called when the run records something else than events."""


class JobKind(Protocol):
    """One kind of job."""

    @property
    def resumes(self) -> bool:
        """Whether a run goes on after a restart of the service; otherwise its job fails."""

    def check(self, spec: JobSpec) -> None:
        """Raises:
        CloudError: the job cannot be accepted.
        """

    def run(self, spec: JobSpec, context: RunContext) -> Run:
        """The run of a job that gets its first slot, or that goes on."""

    def complete(self, job: Job) -> Job:
        """The job with what only its kind records."""

    def close(self) -> None:
        """Close its records. No run is left."""


class JobKinds:
    """The kinds of jobs that there are. A kind is made when the first job of it is met.

    Args:
        makers: by the type of the specification.
    """

    def __init__(self, makers: Mapping[type[JobSpec], Callable[[], JobKind]]) -> None:
        self._makers = makers
        self._made: dict[type[JobSpec], JobKind] = {}

    def of(self, spec: JobSpec) -> JobKind:
        """Raises:
        InvalidArgument: there are no such jobs.
        """
        kind = type(spec)
        if kind not in self._makers:
            raise InvalidArgument(f"there are no jobs of the kind {kind.__name__} here", field="job")
        if kind not in self._made:
            self._made[kind] = self._makers[kind]()
        return self._made[kind]

    def close(self) -> None:
        for kind in self._made.values():
            kind.close()
