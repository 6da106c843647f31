"""What a job's log says of GPUs that it asks for, and of servers for them: there are none, and processors do the work.

Pure.
"""

from cloud.resources import JobSpec, ScaleTier, TrainingSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.tuning import TuningSpec

_ENDED = {"NVIDIA_TESLA_K80": "https://cloud.google.com/compute/docs/eol/k80-eol"}
"""Kinds that Google no longer has."""


def notices(spec: JobSpec) -> list[str]:
    """Warnings for the log of a job; none if it asks for nothing of that."""
    if isinstance(spec, TuningSpec):
        return notices(spec.training)
    return [*_of_gpus(_kinds(spec)), *_of_reduction_servers(spec)]


def _of_gpus(kinds: tuple[str, ...]) -> list[str]:
    if not kinds:
        return []
    said = [
        f"The job asks for GPUs ({', '.join(kinds)}). They are granted, as in a project with quota for them, which at "
        "Google a new project has not. Programs find no GPU here: this machine's processors do the work."
    ]
    said += [
        f"Google has no {kind} any more ({_ENDED[kind]}) and refuses this job today: ask for NVIDIA_TESLA_T4."
        for kind in kinds
        if kind in _ENDED
    ]
    return said


def _of_reduction_servers(spec: JobSpec) -> list[str]:
    if not isinstance(spec, TrainingSpec) or not spec.reduction_servers:
        return []
    return [
        f"Reduction Server adds up the gradients of GPUs. There are none here: its {spec.reduction_servers} replicas "
        "are not started, and the workers add up their gradients themselves."
    ]


def _kinds(spec: JobSpec) -> tuple[str, ...]:
    if isinstance(spec, TrainingSpec) and spec.scale_tier is ScaleTier.BASIC_GPU:
        return ("NVIDIA_TESLA_K80",)
    return spec.gpus if isinstance(spec, TrainingSpec | BatchPredictionSpec) else ()
