"""Training jobs as a kind of job: each is one ``Execution``."""

from collections.abc import Collection

from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.kinds import Part, RunContext
from cloud.engine.jobs.replicas import check_count
from cloud.lifecycle import JobEvent, JobState
from cloud.resources import Job, JobSpec, TrainingSpec, as_training


class TrainingRun:
    """See ``Run``."""

    def __init__(self, spec: TrainingSpec, platform: Platform, context: RunContext) -> None:
        self.message = ""
        self._has_started = False
        self._execution = Execution(spec, platform, context.folder, context.log, context.report)

    def waiting(self) -> int:
        return 0 if self._has_started else 1

    def start(self) -> Part:
        self._has_started = True
        return self._execution

    def on_event(self, _: Part, __: JobEvent, message: str, /) -> None:
        self.message = message

    def states(self) -> Collection[JobState]:
        return [self._execution.state]

    def cancel(self) -> None:
        """Its only part is cancelled by the service."""


class TrainingJobs:
    """See ``JobKind``."""

    resumes = False

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def check(self, spec: JobSpec) -> None:
        """Raises:
        ResourceExhausted: it has too many replicas.
        """
        check_count(as_training(spec))

    def run(self, spec: JobSpec, context: RunContext) -> TrainingRun:
        return TrainingRun(as_training(spec), self._platform, context)

    def complete(self, job: Job) -> Job:
        return job

    def close(self) -> None:
        """It has no records of its own."""
