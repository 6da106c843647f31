"""The resources of the workflow, as frozen values. Field names are ML Engine v1's in snake case.

Times are aware UTC datetimes; durations are seconds. Shapes follow the discovery document ``ml.v1``. What only tuning
and batch prediction jobs and logs have is imported from ``cloud.resources.tuning`` and so on.
"""

from cloud.resources.abilities import Abilities
from cloud.resources.buckets import Access, Bucket, StoredObject, TransferProgress
from cloud.resources.jobs import (
    DEFAULT_MAX_RUNNING_TIME,
    Job,
    JobSpec,
    PredictionCounts,
    ScaleTier,
    Service,
    TaskType,
    TrainingSpec,
    as_training,
)
from cloud.resources.models import Framework, Json, Model, RawAnswer, ServingStack, Version, VersionSpec

__all__ = [
    "DEFAULT_MAX_RUNNING_TIME",
    "Abilities",
    "Access",
    "Bucket",
    "Framework",
    "Job",
    "JobSpec",
    "Json",
    "Model",
    "PredictionCounts",
    "RawAnswer",
    "ScaleTier",
    "Service",
    "ServingStack",
    "StoredObject",
    "TaskType",
    "TrainingSpec",
    "TransferProgress",
    "Version",
    "VersionSpec",
    "as_training",
]
