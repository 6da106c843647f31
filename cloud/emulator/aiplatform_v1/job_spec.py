"""A ``CustomJobSpec``, checked, as the backend's ``TrainingSpec``. Pure but for a look at which modules are installed.

Rules: descriptions in the discovery document ``aiplatform.v1``. What is not emulated is refused before anything is
created, and one error lists all faults, in the service's form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud.emulator.aiplatform_v1 import tables
from cloud.emulator.aiplatform_v1.modules import check_visible
from cloud.emulator.aiplatform_v1.quotas import check_accelerators
from cloud.emulator.rest.container_command import NeedsImage, Runnable, container_program
from cloud.emulator.rest.container_images import Images, no_images, program_of, words_of
from cloud.emulator.rest.schemas import snake
from cloud.errors import CloudError, InvalidArgument
from cloud.names import GsUri, check_module
from cloud.resources import DEFAULT_MAX_RUNNING_TIME, Abilities, Json, ScaleTier, Service, TrainingSpec
from cloud.resources.jobs import check_package
from cloud.resources.pool_programs import PoolProgram
from cloud.wire.images import ImageKind, is_reduction_server, parse_image
from cloud.wire.machine_gpus import accelerator_of

_POOLS = ("primary", "workers", "parameter servers", "evaluators")
_REDUCERS = 2
"""The pool of Reduction Server:
https://cloud.google.com/vertex-ai/docs/training/distributed-training#reduce_training_time_with_reduction_server"""
_MOST_VARIABLES = _MOST_PACKAGES = 100
_Faults = dict[str, str]
"""What is wrong, by the path of a field below ``job_spec``."""
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
    """What the replicas of a pool run."""

    runnable: Runnable
    env: Mapping[str, str]
    image: str | None = None
    """One of Google's prebuilt ones, or one that was built here; None: only the container's command is run."""
    digest: str = ""
    """Of one that was built here."""


def job_spec(
    job_id: str,
    given: Mapping[str, Json],
    *,
    location: str,
    abilities: Abilities,
    images: Images = no_images,
    field: str = "job_spec",
    adds_args: bool = False,
) -> TrainingSpec:
    """The backend's job for a ``CustomJobSpec`` in normal form.

    Args:
        abilities: of the backend.
        images: those that were built here.
        adds_args: its programs get more arguments, as those of trials do.
        field: where the request has it.

    Raises:
        InvalidArgument: the faults, or what is not emulated.
        QuotaFailure: accelerators are requested from a backend that grants none.
    """
    pools = list(given.get("workerPoolSpecs", ()))
    while pools and not pools[-1]:
        pools.pop()
    faults = {snake(name): why for name, why in _NOT_DONE.items() if name in given}
    base = given.get("baseOutputDirectory", {}).get("outputUriPrefix")
    if base and "\0" in base:
        faults["base_output_directory.output_uri_prefix"] = "No program can be given a NUL character: leave it out."
    if not pools or not pools[0]:
        faults["worker_pool_specs"] = "The first worker pool is required: it holds the primary replica."
    elif len(pools) > len(_POOLS):
        faults["worker_pool_specs"] = f"At most {len(_POOLS)} pools ({', '.join(_POOLS)}), not {len(pools)}."
    reader = _Containers(images, adds_args)
    read = {index: _read_pool(pool, index, reader, faults) for index, pool in enumerate(pools) if pool}
    if faults:
        listed = [
            f"{number}.Field: {field}.{place}; Message: {text}\t"
            for number, (place, text) in enumerate(faults.items(), 1)
        ]
        raise InvalidArgument(f"List of found errors:\t{''.join(listed)}")
    programs = {index: program for index, program in read.items() if program is not None}
    program = programs.pop(0)
    machines = [pool["machineSpec"] for pool in pools if pool]
    place = f"{field}.worker_pool_specs.machine_spec"
    check_accelerators("Training", machines, abilities=abilities, field=place)
    counts = [_replica_count(pool) if pool and not _is_of_reducers(pool) else 0 for pool in pools] + [0, 0, 0]
    scheduling = given.get("scheduling", {})
    limit = scheduling.get("timeout")
    if limit and float(limit.removesuffix("s")) <= 0:
        raise InvalidArgument(f"A positive number of seconds, not {limit}.", field=f"{field}.scheduling.timeout")
    return TrainingSpec(
        job_id=job_id,
        package_uris=_packages(program, field),
        python_module=program.runnable.module,
        args=program.runnable.args,
        region=location,
        scale_tier=ScaleTier.CUSTOM if any(counts[1:]) else ScaleTier.BASIC,
        worker_count=counts[1],
        parameter_server_count=counts[2],
        evaluator_count=counts[3],
        max_running_time=float(limit.removesuffix("s")) if limit else DEFAULT_MAX_RUNNING_TIME,
        service=Service.VERTEX_AI,
        service_account=given.get("serviceAccount", ""),
        base_output_directory=GsUri.parse(base, f"{field}.base_output_directory.output_uri_prefix") if base else None,
        env=program.env,
        requirements=program.runnable.requirements,
        image=program.image,
        image_digest=program.digest,
        restart_job_on_worker_restart=scheduling.get("restartJobOnWorkerRestart", False),
        disable_retries=scheduling.get("disableRetries", False),
        gpus=tuple(dict.fromkeys(kind for machine in machines if (kind := accelerator_of(machine)))),
        reduction_servers=sum(_replica_count(pool) for pool in pools if _is_of_reducers(pool)),
        programs=tuple(_of_pool(index, other, field) for index, other in programs.items() if other != program),
    )


def _of_pool(index: int, program: _Program, field: str) -> PoolProgram:
    return PoolProgram(
        pool=index,
        package_uris=_packages(program, field),
        python_module=program.runnable.module,
        args=program.runnable.args,
        env=program.env,
        requirements=program.runnable.requirements,
        image=program.image,
        image_digest=program.digest,
    )


def _packages(program: _Program, field: str) -> tuple[GsUri, ...]:
    """Raises:
    InvalidArgument: one is no URI of an object.
    """
    place = f"{field}.worker_pool_specs.python_package_spec.package_uris"
    found = tuple(GsUri.parse(uri, place) for uri in program.runnable.package_uris)
    for uri in found:
        check_package(uri, place)
    return found


def _read_pool(pool: Mapping[str, Json], index: int, containers: "_Containers", faults: _Faults) -> _Program | None:
    place, machine = f"worker_pool_specs[{index}]", pool.get("machineSpec", {})
    name = machine.get("machineType", "")
    if not name:
        faults[f"{place}.machine_spec.machine_type"] = "A machine type is required."
    elif name not in tables.TRAINING_MACHINES:
        faults[f"{place}.machine_spec.machine_type"] = f"Machine type {name[:60]} is not supported."
    if ("acceleratorType" in machine) != ("acceleratorCount" in machine):
        faults[f"{place}.machine_spec.accelerator_type"] = (
            "Both `accelerator_type` and `accelerator_count` should be specified or none."
        )
    count = _replica_count(pool)
    if count < 1 or (index == 0 and count != 1):
        rule = "exactly 1: further replicas are workers, in the second pool" if index == 0 else "at least 1"
        faults[f"{place}.replica_count"] = f"The replica count of pool {index} is {rule}, not {count}."
    for name in ("nfsMounts", "lustreMounts"):
        if name in pool:
            faults[f"{place}.{snake(name)}"] = "Nothing can be mounted here: read from gs://."
    if "pythonPackageSpec" in pool and "containerSpec" in pool:
        faults[place] = "One of `container_spec` and `python_package_spec` is required, not both."
    if "pythonPackageSpec" in pool:
        return _package(pool["pythonPackageSpec"], f"{place}.python_package_spec", faults)
    if _is_of_reducers(pool):
        if index != _REDUCERS:
            faults[f"{place}.container_spec.image_uri"] = f"Reduction Server is for pool {_REDUCERS}."
        return None
    if "containerSpec" in pool:
        return containers.read(pool["containerSpec"], f"{place}.container_spec", faults)
    faults[place] = "One of `container_spec` and `python_package_spec` is required."
    return None


def _replica_count(pool: Mapping[str, Json]) -> int:
    return int(pool.get("replicaCount", 1))


def _is_of_reducers(pool: Mapping[str, Json]) -> bool:
    return is_reduction_server(pool.get("containerSpec", {}).get("imageUri", ""))


def _package(given: Mapping[str, Json], place: str, faults: _Faults) -> _Program:
    image = given.get("executorImageUri", "")
    if not _is_prebuilt(image):
        faults[f"{place}.executor_image_uri"] = (
            f"Not one of Google's prebuilt training images (us-docker.pkg.dev/vertex-ai/training/…): {image[:200]!r}."
        )
    uris = given.get("packageUris", [])
    if not 1 <= len(uris) <= _MOST_PACKAGES:
        faults[f"{place}.package_uris"] = f"1 to {_MOST_PACKAGES} packages are required, not {len(uris)}."
    module = given.get("pythonModule", "")
    _check_module_name(module, f"{place}.python_module", faults)
    _check_words(given, place, faults)
    return _Program(
        Runnable(module, tuple(given.get("args", ())), tuple(uris)),
        _variables(given.get("env", ()), f"{place}.env", faults),
        image,
    )


@dataclass(frozen=True, slots=True)
class _Containers:
    """Reads what containers run; see ``job_spec``."""

    images: Images
    adds_args: bool

    def read(self, given: Mapping[str, Json], place: str, faults: _Faults) -> _Program:
        uri = given.get("imageUri", "")
        if not uri:
            faults[f"{place}.image_uri"] = "The URI of an image is required."
        variables = _variables(given.get("env", ()), f"{place}.env", faults)
        _check_words(given, place, faults)
        command, args = given.get("command", ()), given.get("args", ())
        found, image = Runnable("", ()), self.images(uri)
        try:
            if image is not None:
                found = program_of(words_of(image, command, args, adds_args=self.adds_args))
                return _Program(found, variables, uri, image.digest)
            found = container_program(command, args)
            check_visible(found)
        except NeedsImage as error:
            faults[f"{place}.command"] = str(error) if image else f"{_not_built(uri)} {error} {_INSTEAD}"
        else:
            _check_module_name(found.module, f"{place}.command", faults)
        return _Program(found, variables, uri if _is_prebuilt(uri) else None)


def _not_built(uri: str) -> str:
    if _is_prebuilt(uri):
        return "Images are not pulled here."
    return (
        f"Images are not pulled here, and {uri[:300]!r} was not built and pushed here: do so by `gcloud builds submit "
        "--tag` or `docker build` and `docker push` among this cloud's programs."
    )


def _is_prebuilt(image: str) -> bool:
    found = parse_image(image)
    return found is not None and found.kind is ImageKind.TRAINING


def _variables(given: Sequence[Mapping[str, str]], place: str, faults: _Faults) -> dict[str, str]:
    if len(given) > _MOST_VARIABLES:
        faults[place] = f"At most {_MOST_VARIABLES} variables, not {len(given)}."
    for index, variable in enumerate(given):
        name = variable.get("name", "")
        if not name or "=" in name or "\0" in name + variable.get("value", ""):
            faults[f"{place}[{index}].name"] = f"Not the name of a variable, or its value has a NUL: {name[:60]!r}."
    return {variable.get("name", ""): variable.get("value", "") for variable in given}


def _check_words(given: Mapping[str, Json], place: str, faults: _Faults) -> None:
    for name in ("command", "args"):
        if any("\0" in word for word in given.get(name, ())):
            faults[f"{place}.{name}"] = "No program can be given a NUL character: leave it out."


def _check_module_name(module: str, field: str, faults: _Faults) -> None:
    try:
        check_module(module)
    except CloudError as error:
        faults[field] = f"{error.message[:1].upper()}{error.message[1:]}."
