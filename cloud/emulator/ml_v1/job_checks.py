"""What the service checked of a ``TrainingInput`` before it accepted a job. Pure.

Rules: descriptions in the discovery document ``ml.v1``, schema ``TrainingInput``. Texts are the service's where they
were published; those about what is not emulated are our own.
"""

from collections.abc import Mapping

from cloud.emulator.ml_v1 import tables
from cloud.emulator.ml_v1.job_images import ROLES
from cloud.emulator.rest.errors import QuotaFailure
from cloud.emulator.rest.machine_types import COMPUTE_ENGINE_MACHINES
from cloud.emulator.rest.schemas import snake
from cloud.errors import InvalidArgument
from cloud.resources import Abilities, Json
from cloud.wire.machine_gpus import why_not
from cloud.wire.ml_v1 import JobImage, seconds

_SHORTEST_WAIT, _HIGHEST_PRIORITY = 1800.0, 1000


def check_training_input(
    given: Mapping[str, Json], *, project: str, abilities: Abilities, image: JobImage | None = None
) -> None:
    """
    Args:
        abilities: of the backend that is to run the job.
        image: that the replicas run.

    Raises:
        InvalidArgument: a fault, or something that is not emulated.
        QuotaFailure: accelerators are requested from a backend that grants none.
    """
    _check_region(given, "training_input.region")
    _check_image(given, image)
    check_runtime(given.get("runtimeVersion"), given.get("pythonVersion"), abilities)
    _check_machines(given)
    _check_accelerators(given, project, abilities)
    _check_scheduling(given.get("scheduling", {}))


def check_prediction_input(given: Mapping[str, Json], abilities: Abilities) -> None:
    """What ``BatchPredictionSpec`` does not check.

    Raises:
        InvalidArgument: a fault, or something that is not emulated.
    """
    _check_region(given, "job.prediction_input.region")
    if "runtimeVersion" in given:
        check_runtime(given["runtimeVersion"], None, abilities)
    workers = int(given.get("maxWorkerCount", 1))
    if workers < 1:
        raise InvalidArgument(
            f"At least one worker is needed, not {workers}.", field="job.prediction_input.max_worker_count"
        )


def _check_region(given: Mapping[str, Json], field: str) -> None:
    region = given.get("region")
    if region is None:
        raise InvalidArgument("A region is required.", field=field)
    if region not in tables.REGIONS:
        raise InvalidArgument(f"The region {region[:60]!r} is not one of {', '.join(tables.REGIONS)}.", field=field)


def check_runtime(runtime: str | None, python: str | None, abilities: Abilities, default: str = "2.7") -> None:
    """
    Args:
        default: Python of a runtime version given alone, before it was required.

    Raises:
        InvalidArgument: neither Google nor the backend ever had that runtime version with that Python.
    """
    known = {**tables.RUNTIMES, **(abilities.runtimes or {})}
    pythons = known.get(runtime or "")
    if runtime is None and python in (None, *{each for every in known.values() for each in every}):
        return
    # The 2.x versions came with one Python only, which could be left out.
    if pythons and (python or (default if default in pythons else next(iter(pythons)))) in pythons:
        return
    raise InvalidArgument(
        f"The specified runtime version '{(runtime or '')[:40]}' with the Python version '{(python or '')[:40]}' "
        "is not supported or is deprecated.  Please specify a different runtime version. See "
        "https://cloud.google.com/ml-engine/docs/runtime-version-list for a list of supported versions",
        field="runtime_version",
    )


def _check_image(given: Mapping[str, Json], image: JobImage | None) -> None:
    for role, config in {} if image else {role: given.get(f"{role}Config", {}) for role in ROLES}.items():
        for name in ("containerCommand", "containerArgs"):
            if name in config:
                raise InvalidArgument(
                    "It cannot be set if no custom container image is provided.",
                    field=f"training_input.{snake(role)}_config.{snake(name)}",
                )


def _check_machines(given: Mapping[str, Json]) -> None:
    custom = given.get("scaleTier") == "CUSTOM"
    families = set()
    for role in ROLES:
        machine, field = given.get(f"{role}Type"), f"training_input.{snake(role)}_type"
        if machine is None:
            needed = role == "master" or int(given.get(f"{role}Count", 0)) > 0
            if custom and needed:
                raise InvalidArgument("A machine type is required when the scale tier is CUSTOM.", field=field)
            continue
        if machine in tables.LEGACY_MACHINES:
            families.add("legacy")
        elif machine in COMPUTE_ENGINE_MACHINES:
            families.add("Compute Engine")
        elif machine != tables.CLOUD_TPU:
            raise InvalidArgument(f"The machine type {machine[:60]!r} is not supported.", field=field)
    if len(families) > 1:
        raise InvalidArgument(
            "All machine types must be either legacy or Compute Engine ones.", field="training_input.master_type"
        )


def _check_accelerators(given: Mapping[str, Json], project: str, abilities: Abilities) -> None:
    tier = {"BASIC_GPU": "1 K80", "BASIC_TPU": "8 TPU_V2"}.get(given.get("scaleTier", ""))
    for role in ROLES:
        config, machine = given.get(f"{role}Config", {}), given.get(f"{role}Type", "")
        field = f"training_input.{snake(role)}_config.accelerator_config"
        check_accelerator(config.get("acceleratorConfig", {}), machine, field, project, abilities)
        tier = tier or tables.ACCELERATED_LEGACY.get(machine)
    if tier and not (abilities.tpus if "TPU" in tier else abilities.gpus):
        raise _no_quota(project, tier)


def check_accelerator(config: Mapping[str, Json], machine: str, field: str, project: str, abilities: Abilities) -> None:
    """
    Args:
        config: an ``AcceleratorConfig``.
        machine: the type of the machine that is to have it; empty if none is given.

    Raises:
        InvalidArgument: that machine cannot have it, or the backend has no way to name it.
        QuotaFailure: the backend grants none.
    """
    count, kind = int(config.get("count", 0)), str(config.get("type", "ACCELERATOR_TYPE_UNSPECIFIED"))
    if not count:
        return
    is_tpu = kind.startswith("TPU_")
    if not is_tpu:
        if "-" not in machine or machine.startswith("mls1-"):
            raise InvalidArgument(
                f"Accelerators need a machine type of Compute Engine, such as n1-standard-4, not {machine or 'none'}.",
                field=field,
            )
        if fault := why_not(machine, kind, count):
            raise InvalidArgument(fault, field=field)
    if not (abilities.tpus if is_tpu else abilities.gpus):
        raise _no_quota(project, f"{count} {kind.removeprefix('NVIDIA_TESLA_')}")
    if not abilities.own_machines:
        raise InvalidArgument(f"{kind} cannot be handed on to this backend: leave the accelerator out.", field=field)


def _no_quota(project: str, accelerators: str) -> QuotaFailure:
    """As for a new project, which may use no accelerators."""
    return QuotaFailure(
        f"Quota failure for project {project}. The request for {accelerators} accelerators exceeds the allowed maximum "
        "of 0 A100, 0 K80, 0 P100, 0 P4, 0 T4, 0 TPU_V2, 0 TPU_V3, 0 V100. To read more about Cloud ML Engine quota, "
        "see https://cloud.google.com/ml-engine/quotas.",
        subject=project,
    )


def _check_scheduling(given: Mapping[str, Json]) -> None:
    wait = seconds(given.get("maxWaitTime", f"{_SHORTEST_WAIT}s"))
    if wait < _SHORTEST_WAIT:
        raise InvalidArgument(
            f"The longest wait is at least {_SHORTEST_WAIT:g}s, not {given['maxWaitTime']}.",
            field="training_input.scheduling.max_wait_time",
        )
    priority = given.get("priority", 0)
    if not 0 <= priority <= _HIGHEST_PRIORITY:
        raise InvalidArgument(
            f"A priority is from 0 to {_HIGHEST_PRIORITY}, not {priority}.", field="training_input.scheduling.priority"
        )
