"""``Plan``: the input of a run."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.names import GsUri, check_bucket, check_module
from cloud.resources import Json, ScaleTier
from cloud.workflow.packages import check_archives, find_package
from cloud.workflow.tuning import Search
from cloud.workflow.variables import check_variables


@dataclass(frozen=True, slots=True)
class Plan:
    bucket: str
    data: Callable[[], Awaitable[Path]] | None
    """Returns the folder of data files; may generate them first. None: there is none to upload."""
    package_path: Path | None
    """The folder of the trainer's package; None: it is in one of ``packages``."""
    module: str
    args: tuple[str, ...]
    """The trainer's arguments, with the placeholders ``{data}`` and ``{output}`` for gs:// folders."""
    job_id: str
    model: str
    is_taxifare: bool = False
    """Whether it is the taxi-fare trainer, whose data and predictions are checked."""
    packages: tuple[Path | GsUri, ...] = ()
    """More packages of the job: archives, here or in a bucket."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of the job, with the same placeholders as ``args``."""
    runtime_version: str | None = None
    python_version: str | None = None
    """Of the job and of the version that serves its model."""
    scale_tier: ScaleTier = ScaleTier.BASIC
    """How many replicas the job has."""
    instances: tuple[Json, ...] = ()
    """To predict with the deployed version; a prediction that fails is a failure of the run. Without any, none is
    tried, or with the taxi-fare model the lab's."""
    job_dir: bool = True
    """Whether the job has a job dir, so that its trainer gets ``--job-dir {output}``."""
    search: Search | None = None
    """The job tunes these parameters, and the best trial's model is deployed. None: it is a training job."""
    batch: bool = False
    """Whether the evaluation data is predicted by a batch prediction job; taxi-fare model only."""


def trainer_plan(
    *,
    bucket: str,
    module: str,
    package_path: Path | None = None,
    packages: Sequence[str | Path] = (),
    args: Sequence[str] = (),
    data: Callable[[], Awaitable[Path]] | None = None,
    env: Mapping[str, str] | None = None,
    runtime_version: str | None = None,
    python_version: str | None = None,
    scale_tier: ScaleTier = ScaleTier.BASIC,
    instances: Sequence[Json] = (),
    job_dir: bool = True,
    search: Search | None = None,
) -> Plan:
    """The plan of a run with a trainer of one's own.

    Args:
        package_path: the folder with ``__init__.py``; by default, without ``packages``, the folder of the module's
            package in the working directory.
        packages: files or ``gs://`` objects.
        search: see ``Plan``.

    Raises:
        InvalidArgument: something about the trainer cannot work; names the flag, and the mend.
    """
    check_module(module)
    archives = check_archives(packages)
    folder = find_package(package_path, module, has_archives=bool(archives))
    check_variables(env or {})
    for text in (*args, *(env or {}).values()):
        if data is None and "{data}" in text:
            raise InvalidArgument(f"is missing: {text!r} stands for the folder of uploaded data", field="--data-dir")
    # A module's name is a legal id but for a leading underscore.
    model = module.partition(".")[0].lstrip("_")
    if not model:
        raise InvalidArgument(f"{module!r}: no model can be named after it", field="--module")
    return Plan(
        bucket=check_bucket(bucket),
        data=data,
        package_path=folder,
        module=module,
        args=tuple(args),
        job_id=new_job_id(model),
        model=model,
        packages=archives,
        env=dict(env or {}),
        runtime_version=runtime_version,
        python_version=python_version,
        scale_tier=scale_tier,
        instances=tuple(instances),
        job_dir=job_dir,
        search=search,
    )


def new_job_id(model: str) -> str:
    """A job's id that tells when it was made, and is new."""
    return f"{model}_{datetime.now(UTC):%y%m%d_%H%M%S}_{secrets.token_hex(2)}"
