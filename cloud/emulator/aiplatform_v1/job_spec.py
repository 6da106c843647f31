"""A ``CustomJobSpec``, checked, as the backend's ``TrainingSpec``. Pure but for a look at which modules are installed.

Rules: descriptions in the discovery document ``aiplatform.v1``. What cannot be done here is refused before anything is
made, and everything that is wrong is said at once, in the form in which the service says it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.emulator.aiplatform_v1 import tables
from cloud.emulator.aiplatform_v1.container_command import NeedsImage, Runnable, without_image
from cloud.emulator.aiplatform_v1.quotas import check_accelerators
from cloud.emulator.rest.schemas import snake
from cloud.errors import CloudError, InvalidArgument
from cloud.names import GsUri, check_module
from cloud.resources import DEFAULT_MAX_RUNNING_TIME, Json, ScaleTier, Service, TrainingSpec

_POOLS = ("primary", "workers", "parameter servers", "evaluators")
_MOST_VARIABLES = _MOST_PACKAGES = 100
_NOT_DONE = {
    "network": "There is no network to peer with here.",
    "persistentResourceId": "There are no persistent resources here.",
    "tensorboard": "There is no managed TensorBoard here: write to AIP_TENSORBOARD_LOG_DIR.",
    "experiment": "There is no metadata store here.",
    "experimentRun": "There is no metadata store here.",
    "pscInterfaceConfig": "There is no network to connect to here.",
}
_INSTEAD = (
    'What runs is ["python3", "-m", MODULE, …] with a module that is installed beside this program, '
    '["python3", "-c", CODE], or a python_package_spec.'
)


@dataclass(frozen=True, slots=True)
class _Program:
    """What every replica runs."""

    module: str
    args: tuple[str, ...]
    package_uris: tuple[str, ...]
    env: Mapping[str, str]
    runtime_version: str | None


class _Faults:
    """What is wrong, collected."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, field: str, message: str) -> None:
        self._found.append((f"job_spec.{field}", message))

    def check(self) -> None:
        """Raises:
        InvalidArgument: with everything that was added.
        """
        if self._found:
            listed = [
                f"{place}.Field: {field}; Message: {text}\t" for place, (field, text) in enumerate(self._found, 1)
            ]
            raise InvalidArgument(f"List of found errors:\t{''.join(listed)}")


def job_spec(
    job_id: str, given: Mapping[str, Json], *, location: str, service_account: str, accelerators: bool
) -> TrainingSpec:
    """The job that a ``CustomJobSpec`` in normal form asks for.

    Args:
        service_account: as which jobs run here.
        accelerators: whether the backend has any.

    Raises:
        InvalidArgument: what is wrong, or cannot be done here.
        QuotaFailure: accelerators are asked for where there are none.
    """
    faults = _Faults()
    pools = list(given.get("workerPoolSpecs", ()))
    while pools and not pools[-1]:
        pools.pop()
    _check_pools(pools, faults)
    account = given.get("serviceAccount", service_account)
    if account != service_account:
        faults.add("service_account", f"Jobs run as {service_account} here, not as {account[:200]!r}.")
    for name, why in _NOT_DONE.items():
        if name in given:
            faults.add(snake(name), why)
    programs = [_program(pool, f"worker_pool_specs[{index}]", faults) for index, pool in enumerate(pools) if pool]
    faults.check()
    program = programs[0]
    if program is None or any(other != program for other in programs):
        raise InvalidArgument(
            "All pools run the same program with the same arguments and variables here.",
            field="job_spec.worker_pool_specs",
        )
    machines = [pool["machineSpec"] for pool in pools if pool]
    place = "job_spec.worker_pool_specs.machine_spec"
    check_accelerators("Training", machines, available=accelerators, field=place)
    counts = [int(pool.get("replicaCount", 1)) if pool else 0 for pool in pools] + [0, 0, 0]
    return _spec(job_id, given, program, counts, location)


def _spec(
    job_id: str, given: Mapping[str, Json], program: _Program, counts: Sequence[int], location: str
) -> TrainingSpec:
    base = given.get("baseOutputDirectory", {}).get("outputUriPrefix")
    limit = given.get("scheduling", {}).get("timeout")
    return TrainingSpec(
        job_id=job_id,
        package_uris=tuple(_uri(uri, "python_package_spec.package_uris") for uri in program.package_uris),
        python_module=program.module,
        args=program.args,
        region=location,
        scale_tier=ScaleTier.CUSTOM if any(counts[1:]) else ScaleTier.BASIC,
        worker_count=counts[1],
        parameter_server_count=counts[2],
        evaluator_count=counts[3],
        runtime_version=program.runtime_version,
        max_running_time=float(limit.removesuffix("s")) if limit else DEFAULT_MAX_RUNNING_TIME,
        service=Service.VERTEX_AI,
        base_output_directory=_uri(base, "base_output_directory.output_uri_prefix") if base else None,
        env=program.env,
    )


def _uri(text: str, field: str) -> GsUri:
    return GsUri.parse(text, f"job_spec.{field}")


# ---------------------------------------------------------------- pools


def _check_pools(pools: Sequence[Mapping[str, Json]], faults: _Faults) -> None:
    if not pools or not pools[0]:
        faults.add("worker_pool_specs", "The first worker pool is required: it holds the primary replica.")
        return
    if len(pools) > len(_POOLS):
        faults.add("worker_pool_specs", f"At most {len(_POOLS)} pools ({', '.join(_POOLS)}), not {len(pools)}.")
    for index, pool in enumerate(pools):
        place = f"worker_pool_specs[{index}]"
        if pool:
            _check_machine(pool.get("machineSpec", {}), f"{place}.machine_spec", faults)
            _check_count(pool, index, f"{place}.replica_count", faults)
            for name in ("nfsMounts", "lustreMounts"):
                if name in pool:
                    faults.add(f"{place}.{snake(name)}", "Nothing can be mounted here: read from gs://.")


def _check_machine(machine: Mapping[str, Json], place: str, faults: _Faults) -> None:
    name = machine.get("machineType", "")
    if not name:
        faults.add(f"{place}.machine_type", "A machine type is required.")
    elif name not in tables.TRAINING_MACHINES:
        faults.add(f"{place}.machine_type", f"Machine type {name[:60]} is not supported.")
    if ("acceleratorType" in machine) != ("acceleratorCount" in machine):
        faults.add(
            f"{place}.accelerator_type",
            "Both `accelerator_type` and `accelerator_count` should be specified or none.",
        )


def _check_count(pool: Mapping[str, Json], index: int, field: str, faults: _Faults) -> None:
    count = int(pool.get("replicaCount", 1))
    if count < 1 or (index == 0 and count != 1):
        rule = "exactly 1: further replicas are workers, in the second pool" if index == 0 else "at least 1"
        faults.add(field, f"The replica count of pool {index} is {rule}, not {count}.")


# ---------------------------------------------------------------- programs


def _program(pool: Mapping[str, Json], place: str, faults: _Faults) -> _Program | None:
    if "pythonPackageSpec" in pool:
        return _package(pool["pythonPackageSpec"], f"{place}.python_package_spec", faults)
    if "containerSpec" in pool:
        return _container(pool["containerSpec"], f"{place}.container_spec", faults)
    faults.add(place, "One of `container_spec` and `python_package_spec` is required.")
    return None


def _package(given: Mapping[str, Json], place: str, faults: _Faults) -> _Program:
    image = given.get("executorImageUri", "")
    prebuilt = tables.PREBUILT_TRAINING.fullmatch(image)
    if prebuilt is None:
        faults.add(
            f"{place}.executor_image_uri",
            f"Not one of Google's prebuilt training images (us-docker.pkg.dev/vertex-ai/training/…): {image[:200]!r}.",
        )
    uris = given.get("packageUris", [])
    if not 1 <= len(uris) <= _MOST_PACKAGES:
        faults.add(f"{place}.package_uris", f"1 to {_MOST_PACKAGES} packages are required, not {len(uris)}.")
    module = given.get("pythonModule", "")
    _check_module_name(module, f"{place}.python_module", faults)
    return _Program(
        module=module,
        args=tuple(given.get("args", ())),
        package_uris=tuple(uris),
        env=_variables(given.get("env", ()), f"{place}.env", faults),
        runtime_version=_runtime(image) if prebuilt else None,
    )


def _container(given: Mapping[str, Json], place: str, faults: _Faults) -> _Program:
    """What of it can be run without the image."""
    if not given.get("imageUri"):
        faults.add(f"{place}.image_uri", "The URI of an image is required.")
    found = Runnable("", ())
    try:
        found = without_image([*given.get("command", ()), *given.get("args", ())])
    except NeedsImage as error:
        faults.add(f"{place}.command", f"Images are not pulled here. {error} {_INSTEAD}")
    else:
        _check_module_name(found.module, f"{place}.command", faults)
    env = _variables(given.get("env", ()), f"{place}.env", faults)
    return _Program(found.module, found.args, found.package_uris, env, None)


def _variables(given: Sequence[Mapping[str, str]], place: str, faults: _Faults) -> dict[str, str]:
    if len(given) > _MOST_VARIABLES:
        faults.add(place, f"At most {_MOST_VARIABLES} variables, not {len(given)}.")
    for index, variable in enumerate(given):
        name = variable.get("name", "")
        if not name or "=" in name or "\0" in name + variable.get("value", ""):
            faults.add(f"{place}[{index}].name", f"Not the name of a variable, or its value has a NUL: {name[:60]!r}.")
    return {variable.get("name", ""): variable.get("value", "") for variable in given}


def _check_module_name(module: str, field: str, faults: _Faults) -> None:
    try:
        check_module(module)
    except CloudError as error:
        faults.add(field, f"{error.message[:1].upper()}{error.message[1:]}.")


def _runtime(image: str) -> str | None:
    # …/training/tf-cpu.2-17.py310:latest
    found = re.search(r"/tf-[a-z]+\.(\d+)-(\d+)[.:]", image)
    return f"{found[1]}.{found[2]}" if found else None
