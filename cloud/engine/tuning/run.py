"""``TuningRun``: all trials of one job, from the first to the verdict."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cloud.engine.jobs.environ import TrialName
from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.kinds import Part, RunContext
from cloud.engine.project.identities import job_account
from cloud.engine.tuning import metrics
from cloud.engine.tuning.algorithms import grid_size, suggest
from cloud.engine.tuning.early_stopping import should_stop
from cloud.engine.tuning.records import TrialRecords
from cloud.engine.tuning.trial import RunningTrial, Summaries
from cloud.engine.tuning.trial_spec import trial_spec
from cloud.gcs.client import StorageClient
from cloud.lifecycle import JobEvent, JobState
from cloud.resources import Service
from cloud.resources.log_entries import LogEntry, Severity
from cloud.resources.trials import Trial, Value
from cloud.resources.tuning import Algorithm, TuningSpec

_FEWEST_FOR_A_RATIO = 4
"""Google ends a job "when too many" trials failed and does not publish how many: here more than half, after four."""


@dataclass(frozen=True, slots=True)
class TuningPlatform:
    """What all tuning jobs of one cloud share."""

    platform: Platform
    records: TrialRecords
    storage: Callable[[str], StorageClient]
    """A client that acts as the account of that e-mail address."""


class TuningRun:
    """See ``Run``. A trial that was interrupted by a restart runs again, with the same id and parameters."""

    def __init__(self, spec: TuningSpec, tuning: TuningPlatform, context: RunContext) -> None:
        self.message = ""
        self._spec, self._tuning, self._context = spec, tuning, context
        earlier = tuning.records.of(spec.resume_previous_job_id) if spec.resume_previous_job_id else ()
        self._earlier = tuple(trial for trial in earlier if trial.state.is_final)
        """Of the job that this one goes on with."""
        self._first = max((int(trial.trial_id) for trial in earlier), default=0) + 1
        self._trials = {int(trial.trial_id): trial for trial in tuning.records.of(spec.job_id)}
        self._running: dict[int, RunningTrial] = {}
        self._most = spec.max_trials
        if spec.algorithm is Algorithm.GRID_SEARCH:
            self._most = grid_size(spec, spec.max_trials)
        self._suggesting = asyncio.Lock()
        self._is_cancelled, self._has_failed = False, False
        if not spec.reaches_program and not self._trials:
            self._log(
                "The parameters' values do not reach the program: they follow the container's arguments, which "
                "the script of a shell (sh -c) does not pass on. Give the program itself as the command.",
                Severity.WARNING,
            )
        self._judge()

    # ---------------------------------------------------------------- as a run

    def waiting(self) -> int:
        if self._is_cancelled or self._has_failed:
            return 0
        return max(0, min(self._spec.parallel_trials - len(self._running), self._left()))

    def start(self) -> Part:
        number = next(self._unfinished())
        trial = self._running[number] = RunningTrial(
            number,
            [metric.name for metric in self._spec.metrics],
            suggest=lambda: self._suggest(number),
            execute=self._execute,
            on_report=self._on_report,
            forward=self._context.report,
        )
        earlier = self._trials.get(number)
        # One that was interrupted keeps its parameters only: what it reported is not this run's.
        self._put(Trial(str(number), JobState.QUEUED, earlier.parameters if earlier else {}))
        return trial

    def on_event(self, part: Part, event: JobEvent, message: str, /) -> None:
        assert isinstance(part, RunningTrial)  # noqa: S101 - see ``start``
        trial, now = self._trials[part.number], datetime.now(UTC)
        trial = replace(trial, state=part.state)
        if event is JobEvent.STARTED:
            trial = replace(trial, start_time=now)
        if part.state.is_final:
            del self._running[part.number]
            trial = self._finished(replace(trial, end_time=now), part, message)
        self._put(trial)
        if part.state.is_final:
            self._judge()
            if not self._running and not self.waiting():
                self._log_end()

    def states(self) -> Collection[JobState]:
        if self._is_cancelled:
            return [trial.state for trial in self._running.values()]
        # A trial that is stopped does not cancel its job.
        running = [
            JobState.RUNNING if trial.state is JobState.CANCELLING else trial.state for trial in self._running.values()
        ]
        if self._has_failed:
            return [JobState.RUNNING] if running else [JobState.FAILED]
        finished = [JobState.SUCCEEDED for trial in self._trials.values() if trial.state.is_final]
        return [*finished, *running, *([JobState.QUEUED] if self._left() else [])]

    def cancel(self) -> None:
        self._is_cancelled = True

    # ---------------------------------------------------------------- one trial

    async def _suggest(self, number: int) -> dict[str, Value]:
        async with self._suggesting:  # each suggestion depends on those before
            trial = self._trials[number]
            if not trial.parameters:
                others = [*self._earlier, *(each for each in self._trials.values() if each.parameters)]
                parameters = await asyncio.to_thread(suggest, self._spec, others, number - self._first + 1)
                assert parameters is not None  # noqa: S101 - a grid has that many points
                trial = replace(self._trials[number], parameters=parameters)
                self._put(trial)
        return dict(trial.parameters)

    def _execute(self, part: RunningTrial, parameters: dict[str, Value]) -> tuple[Execution, Summaries | None]:
        spec, context = trial_spec(self._spec, str(part.number), parameters), self._context
        execution = Execution(
            spec,
            self._tuning.platform,
            context.folder.with_name(f"{context.folder.name}.{part.number}"),
            context.log,
            part.report,
            trial=TrialName(str(part.number), self._spec.metrics[0].name),
            before_removal=part.read_last,
        )
        # Google documents it for ML Engine only: Vertex AI takes cloudml-hypertune's metrics.
        if spec.service is Service.VERTEX_AI or spec.job_dir is None:
            return execution, None
        storage = self._tuning.storage(job_account(self._tuning.platform.project, spec).email)
        return execution, Summaries(spec.job_dir, storage.list_objects, storage.read_object)

    def _on_report(self, part: RunningTrial) -> None:
        trial = self._trials[part.number]
        started = trial.start_time.timestamp() if trial.start_time else 0.0
        trial = replace(trial, measurements=metrics.measurements(part.reported, started))
        self._put(trial)
        completed = [each for each in self._trials.values() if each.final and not each.stopped_early]
        rule, metric = self._spec.early_stopping, self._spec.metrics[0]
        can_stop = part.state is JobState.RUNNING and not part.has_ended
        if can_stop and should_stop(rule, metric, trial.measurements, completed):
            self._log(f"Trial {part.number} is stopped: it is worse than the median of the completed trials.")
            self._stop(part, early=True)

    def _stop(self, part: RunningTrial, *, early: bool) -> None:
        part.stops_early = early
        self._context.report(part, JobEvent.CANCEL_REQUESTED, "")
        part.cancel()

    def _finished(self, trial: Trial, part: RunningTrial, message: str) -> Trial:
        """The trial as it is recorded after its last event."""
        if part.stops_early:
            trial = replace(trial, state=JobState.SUCCEEDED, stopped_early=True)
        if trial.state is not JobState.SUCCEEDED:
            return replace(trial, infeasible_reason=message or "The trial was cancelled.")
        final, reason = metrics.final(trial.measurements, self._spec.metrics, self._spec.selection)
        return replace(trial, final=final, infeasible_reason=reason)

    def _put(self, trial: Trial) -> None:
        self._trials[int(trial.trial_id)] = trial
        self._tuning.records.put(self._spec.job_id, trial)
        self._context.changed()

    # ---------------------------------------------------------------- the verdict

    def _unfinished(self) -> Iterator[int]:
        """Numbers of the trials that have yet to start, or to start again; there may be billions."""
        for number in range(self._first, self._first + self._most):
            if number not in self._running and (number not in self._trials or not self._trials[number].state.is_final):
                yield number

    def _left(self) -> int:
        """How many these are."""
        finished = sum(trial.state.is_final for trial in self._trials.values())
        return self._most - len(self._running) - finished

    def _judge(self) -> None:
        """End the job if too many trials failed."""
        finished = [trial for trial in self._trials.values() if trial.state.is_final]
        failed = [trial for trial in finished if self._is_failed(trial)]
        if not failed or self._is_cancelled or self._has_failed:
            return
        limit = self._spec.max_failed_trials
        first_failed = int(failed[0].trial_id) == self._first
        many = len(finished) > _FEWEST_FOR_A_RATIO and len(failed) * 2 > len(finished)
        if not (len(failed) >= limit if limit else first_failed or many):
            return
        self._has_failed = True
        last = max(failed, key=lambda trial: trial.end_time or datetime.min.replace(tzinfo=UTC))
        self.message = (
            f"{len(failed)} of {len(finished)} trials failed. Trial {last.trial_id}: {last.infeasible_reason}"
        )
        self._log(self.message.splitlines()[0], Severity.ERROR)
        for part in list(self._running.values()):
            if part.state is not JobState.CANCELLING:
                self._stop(part, early=False)

    def _is_failed(self, trial: Trial) -> bool:
        # On ML Engine a trial without a metric has SUCCEEDED; on Vertex AI it is INFEASIBLE.
        return trial.final is None and (
            trial.state is not JobState.SUCCEEDED or self._spec.service is Service.VERTEX_AI
        )

    def _log_end(self) -> None:
        if self._is_cancelled:
            self._log("Job cancelled.")
        elif self._has_failed:
            self._log("Job failed.", Severity.ERROR)
        else:
            self._log("Job completed successfully.")

    def _log(self, message: str, severity: Severity = Severity.INFO) -> None:
        try:
            self._context.log.append(LogEntry(datetime.now(UTC), severity, "service", message))
        except OSError as error:  # a trial that runs finds the same, and fails for that reason
            logging.getLogger(__name__).warning("log of job %s: %s", self._spec.job_id, error)
