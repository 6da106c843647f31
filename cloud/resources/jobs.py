"""Jobs: the specification of a training job, what all kinds of jobs share, and a job as it is now."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri, check_id, check_module, check_number
from cloud.resources.pool_programs import PoolProgram
from cloud.resources.trials import Trial


class Service(StrEnum):
    """The service that a job belongs to. It decides the replicas' environment and the texts of logs and errors."""

    ML_ENGINE = "ML_ENGINE"
    VERTEX_AI = "VERTEX_AI"


class ScaleTier(StrEnum):
    """Named clusters (``GoogleCloudMlV1__TrainingInput.scaleTier``)."""

    BASIC = "BASIC"
    STANDARD_1 = "STANDARD_1"
    PREMIUM_1 = "PREMIUM_1"
    BASIC_GPU = "BASIC_GPU"
    BASIC_TPU = "BASIC_TPU"
    CUSTOM = "CUSTOM"


class TaskType(StrEnum):
    """A replica's role in ``TF_CONFIG`` and in log labels."""

    CHIEF = "chief"
    MASTER = "master"
    WORKER = "worker"
    PS = "ps"
    EVALUATOR = "evaluator"


DEFAULT_MAX_RUNNING_TIME = 604_800.0
"""Seconds: a week, on either service."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The specification that all kinds of jobs share. Checked at construction, so that every instance is legal.

    Raises:
        InvalidArgument: names the field, its value and the rule.
    """

    job_id: str
    region: str = field(default="us-central1", kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    service: Service = field(default=Service.ML_ENGINE, kw_only=True)
    """On Vertex AI a job's id is a number."""
    service_account: str = field(default="", kw_only=True)
    """E-mail address of the account that it runs as; empty: the service's own agent."""

    def __post_init__(self) -> None:
        if self.service is Service.VERTEX_AI:
            check_number(self.job_id, "job.job_id")
        else:
            check_id(self.job_id, "job.job_id")


_VERTEX_AI_ONLY = (
    *("requirements", "programs", "reduction_servers"),
    *("restart_job_on_worker_restart", "disable_retries"),
)


@dataclass(frozen=True, slots=True)
class TrainingSpec(JobSpec):
    """A training job. On Vertex AI an installed module needs no package."""

    package_uris: tuple[GsUri, ...]
    python_module: str
    args: tuple[str, ...] = ()
    job_dir: GsUri | None = None
    scale_tier: ScaleTier = ScaleTier.BASIC
    worker_count: int = 0
    parameter_server_count: int = 0
    evaluator_count: int = 0
    runtime_version: str | None = None
    python_version: str | None = None
    max_running_time: float = DEFAULT_MAX_RUNNING_TIME
    """Seconds in RUNNING after which the service cancels the job; default from ``Scheduling.maxRunningTime``."""
    base_output_directory: GsUri | None = None
    """The folders that the ``AIP_`` variables name are below it. See ``env``."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables for every replica. On Vertex AI they override the service's own; ML Engine's API has none, so that its
    jobs have both only where the backend offers it (``Abilities.job_variables``)."""
    image: str | None = None
    """The image that the job runs in: on Vertex AI a prebuilt one, which decides the runtime, or one of
    ``image_digest``."""
    image_digest: str = ""
    """Of an image that was built here (``ContainerImage``): the program is its, and its base decides the runtime."""
    chief_in_tf_config: bool = False
    """ML Engine only, with an image: ``TF_CONFIG`` calls the primary replica ``chief``, not ``master``."""
    requirements: tuple[str, ...] = ()
    """Vertex AI only: what a container's command installs by pip before the module runs."""
    programs: tuple[PoolProgram, ...] = ()
    """Vertex AI only: of the pools that run something else than the primary replica."""
    restart_job_on_worker_restart: bool = False
    """Vertex AI only: all replicas are restarted where one is; otherwise it alone."""
    disable_retries: bool = False
    """Vertex AI only: a replica that is preempted fails the job."""
    gpus: tuple[str, ...] = ()
    """The kinds of GPU (``NVIDIA_TESLA_T4``) that its machines are to have, but for those of a named scale tier."""
    reduction_servers: int = 0
    """Vertex AI only: replicas of Reduction Server, which adds up the gradients of GPUs."""

    def __post_init__(self) -> None:
        JobSpec.__post_init__(self)
        if self.service is Service.ML_ENGINE:
            self._check_ml_engine()
        check_module(self.python_module)
        if not self.package_uris and not self.image_digest and self.service is Service.ML_ENGINE:
            raise InvalidArgument("Non-custom jobs must have packages.", field="training_input.package_uris")
        if len(self.package_uris) > 100:
            raise InvalidArgument(
                f"at most 100 packages, not {len(self.package_uris)}", field="training_input.package_uris"
            )
        for uri in self.package_uris:
            check_package(uri, "training_input.package_uris")
        for name, texts in (("args", self.args), ("job_dir", (str(self.job_dir),))):
            if any("\0" in text for text in texts):
                raise InvalidArgument(
                    "no program can be given a NUL character: leave it out", field=f"training_input.{name}"
                )
        if self.max_running_time <= 0:
            raise InvalidArgument(
                f"a positive number of seconds, not {self.max_running_time}",
                field="training_input.scheduling.max_running_time",
            )
        for name in ("worker_count", "parameter_server_count", "evaluator_count"):
            count = getattr(self, name)
            if count < 0:
                raise InvalidArgument(f"not a count: {count}", field=f"training_input.{name}")
            if count and self.scale_tier is not ScaleTier.CUSTOM:
                raise InvalidArgument(
                    f"{count} is only legal with scale tier CUSTOM, not {self.scale_tier.value}",
                    field=f"training_input.{name}",
                )
        if self.job_dir is not None and not self.job_dir.path:
            raise InvalidArgument(
                f"Must be of form gs://bucket/object: '{self.job_dir}'", field="training_input.job_dir"
            )

    def of_pool(self, index: int) -> "TrainingSpec":
        """The job as the replicas of a pool run it; 0 is the primary's."""
        for program in self.programs:
            if program.pool == index:
                spec = copy(self)  # not replace(): checks are for new specifications, and this may be an older one
                for name in set(program.__slots__) - {"pool"}:
                    object.__setattr__(spec, name, getattr(program, name))
                return spec
        return self

    def _check_ml_engine(self) -> None:
        for name in _VERTEX_AI_ONLY if self.image_digest else ("image", *_VERTEX_AI_ONLY):
            if getattr(self, name):
                raise InvalidArgument("only for service VERTEX_AI, not ML_ENGINE", field=f"job.{name}")


def check_package(uri: GsUri, field: str) -> None:
    """Raises:
    InvalidArgument: it is not the name of a package, which may be there or not.
    """
    if not uri.name or uri.path.endswith("/") or uri.has_wildcard():
        raise InvalidArgument(f"a package's own name, no folder and no pattern: '{uri}'", field=field)


def as_training(spec: JobSpec) -> TrainingSpec:
    """Return ``spec`` if it is that of a training job.

    Raises:
        InvalidArgument: it is for another kind of job.
    """
    if not isinstance(spec, TrainingSpec):
        raise InvalidArgument(
            f"only training jobs can be run here, and {spec.job_id!r} is a {type(spec).__name__}", field="job"
        )
    return spec


@dataclass(frozen=True, slots=True)
class PredictionCounts:
    """Progress and outcome of a batch prediction job, in rows."""

    succeeded: int = 0
    failed: int = 0
    output_uri: GsUri | None = None
    """The folder that has the results, once it is known."""
    partial_failures: tuple[str, ...] = ()
    """Files that could not be read, at most 20."""


@dataclass(frozen=True, slots=True)
class Job:
    spec: JobSpec
    state: JobState
    create_time: datetime
    start_time: datetime | None = None
    """When RUNNING began."""
    end_time: datetime | None = None
    error_message: str = ""
    """Why it FAILED or was cancelled; otherwise empty."""
    queue_position: int | None = None
    """Of a QUEUED job: 1 is the next to start. None if the backend does not know."""
    trials: tuple[Trial, ...] = ()
    """Of a tuning job, in the order in which they were made."""
    predictions: PredictionCounts | None = None
    """Of a batch prediction job."""

    @property
    def job_id(self) -> str:
        return self.spec.job_id

    @property
    def training(self) -> TrainingSpec:
        """The specification of a training job.

        Raises:
            InvalidArgument: it is a job of another kind.
        """
        return as_training(self.spec)
