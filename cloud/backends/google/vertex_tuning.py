"""Tuning jobs on Vertex AI: a ``HyperparameterTuningJob`` each, whose trials are custom jobs. Pure.

The arguments of a trial follow those of the job, so that ``--job-dir`` is the same folder for all trials: only the
``AIP_`` variables name folders of the trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cloud.backends.google import vertex_wire
from cloud.errors import InvalidArgument
from cloud.resources import Job, Json
from cloud.resources.log_entries import LogEntry
from cloud.resources.tuning import TuningSpec
from cloud.wire.vertex_tuning import counts_json, study_json, trial, tuning_spec


def tuning_job(
    spec: TuningSpec, *, image: str, is_own: bool, service_account: str | None, labels: Mapping[str, str]
) -> dict[str, Json]:
    """The ``HyperparameterTuningJob`` of a job. Arguments and errors: see ``vertex_wire.custom_job``.

    Raises:
        InvalidArgument: also if it goes on with an earlier job.
    """
    if spec.resume_previous_job_id:
        raise InvalidArgument(
            "Vertex AI's jobs do not go on with an earlier one", field="training_input.hyperparameters"
        )
    custom = vertex_wire.custom_job(
        spec.training, image=image, is_own=is_own, service_account=service_account, labels=labels
    )
    trial_job = custom.pop("jobSpec")
    return {**custom, "studySpec": study_json(spec), **counts_json(spec), "trialJobSpec": trial_job}


def is_ours(item: Json) -> bool:
    """Whether a ``HyperparameterTuningJob`` was created from ``tuning_job``."""
    return vertex_wire.is_ours(_as_custom_job(item))


def job(item: Json, tail: Sequence[LogEntry] = ()) -> Job:
    """Inverse of ``tuning_job``; see ``vertex_wire.job``."""
    found = vertex_wire.job(_as_custom_job(item), tail)
    spec = replace(tuning_spec(found.training, item), labels=found.spec.labels)
    return replace(found, spec=spec, trials=tuple(trial(each, spec) for each in item.get("trials", ())))


def _as_custom_job(item: Json) -> dict[str, Json]:
    return {**item, "jobSpec": item["trialJobSpec"]}
