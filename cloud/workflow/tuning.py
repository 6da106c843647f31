"""Hyperparameter tuning in a run: what is searched, and which trial is the best."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.errors import FailedPrecondition
from cloud.resources import Job, TrainingSpec
from cloud.resources.trials import Goal, Metric, Parameter, Trial
from cloud.resources.tuning import TuningSpec


@dataclass(frozen=True, slots=True)
class Search:
    """What a tuning job has beside its training job."""

    metric: Metric
    parameters: tuple[Parameter, ...]
    trials: int
    parallel_trials: int

    def of(self, training: TrainingSpec) -> TuningSpec:
        """The tuning job whose trials are ``training``."""
        return TuningSpec(
            job_id=training.job_id,
            training=training,
            metrics=(self.metric,),
            parameters=self.parameters,
            max_trials=self.trials,
            parallel_trials=min(self.parallel_trials, self.trials),
            region=training.region,
            service=training.service,
        )

    def best(self, job: Job) -> Trial:
        """The trial of a finished job whose metric is best.

        Raises:
            FailedPrecondition: no trial reported the metric.
        """
        reported = [trial for trial in job.trials if self.value(trial) is not None]
        if not reported:
            reasons = {trial.infeasible_reason for trial in job.trials if trial.infeasible_reason}
            raise FailedPrecondition(
                f"no trial of job {job.job_id} reported the metric {self.metric.name!r}"
                + "".join(f": {reason}" for reason in sorted(reasons))
            )
        sign = 1 if self.metric.goal is Goal.MINIMIZE else -1
        return min(reported, key=lambda trial: sign * (self.value(trial) or 0.0))

    def value(self, trial: Trial) -> float | None:
        """What the trial is judged by; None if it did not report it."""
        return trial.final.metrics.get(self.metric.name) if trial.final else None


def describe(trial: Trial) -> str:
    """Its parameters in a few words."""
    return ", ".join(f"{name} {short(value)}" for name, value in trial.parameters.items())


def short(value: object) -> str:
    """A parameter's value as it is shown."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def names(trials: Sequence[Trial]) -> list[str]:
    """Of all parameters that a trial has, in order."""
    return list(dict.fromkeys(name for trial in trials for name in trial.parameters))
