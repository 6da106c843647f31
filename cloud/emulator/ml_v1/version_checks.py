"""What the service checked of a ``Version`` before it deployed it. Pure; see ``training`` for the texts."""

from collections.abc import Mapping

from cloud.emulator.ml_v1 import tables
from cloud.emulator.ml_v1.job_checks import check_runtime, no_quota
from cloud.emulator.rest.schemas import snake
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.resources import Abilities, Json

_DONE_BY_GOOGLE = {
    "predictionClass": "Custom prediction routines are",
    "container": "A custom container is",
    "routes": "A custom container is",
    "packageUris": "Code of your own is",
    "serviceAccount": "Code with an account of its own is",
}
"""``packageUris`` and ``serviceAccount`` are for what the others ask for."""


def check_version(given: Mapping[str, Json], *, project: str, on_regional_endpoint: bool, abilities: Abilities) -> str:
    """The machine type that the version gets.

    Args:
        abilities: of the backend that is to serve it.

    Raises:
        InvalidArgument, FailedPrecondition: what is wrong, or not served here.
        QuotaFailure: accelerators are asked for where there are none.
    """
    if "predictionClass" in given and "framework" in given:
        raise FailedPrecondition(
            'Exactly one of "prediction_class" and "framework" may be provided.', field="prediction_class"
        )
    for name, what in _DONE_BY_GOOGLE.items():
        if name in given:
            raise InvalidArgument(f"{what} not served here: deploy a SavedModel.", field=f"version.{snake(name)}")
    if given.get("framework", "TENSORFLOW") != "TENSORFLOW":
        raise InvalidArgument(
            f"{given['framework']} is not served here: deploy a TensorFlow SavedModel.", field="version.framework"
        )
    check_runtime(given.get("runtimeVersion"), given.get("pythonVersion"), abilities)
    if "autoScaling" in given and "manualScaling" in given:
        raise InvalidArgument("Only one of automatic and manual scaling may be chosen.", field="version.manual_scaling")
    wanted = given.get("acceleratorConfig", {})
    if wanted.get("count") and not abilities.accelerators:
        raise no_quota(project, f"{wanted['count']} {wanted.get('type', '').removeprefix('NVIDIA_TESLA_')}")
    return _machine(given, on_regional_endpoint=on_regional_endpoint)


def _machine(given: Mapping[str, Json], *, on_regional_endpoint: bool) -> str:
    default = tables.DEFAULT_REGIONAL_MACHINE if on_regional_endpoint else tables.DEFAULT_GLOBAL_MACHINE
    offered = tables.REGIONAL_SERVING_MACHINES if on_regional_endpoint else tables.GLOBAL_SERVING_MACHINES
    machine = str(given.get("machineType", default))
    if machine in offered:
        return machine
    if machine in tables.REGIONAL_SERVING_MACHINES | tables.GLOBAL_SERVING_MACHINES:
        raise InvalidArgument("Machine type is not available on this endpoint.", field="version.machine_type")
    raise InvalidArgument(f"The machine type {machine[:60]!r} is not supported.", field="version.machine_type")
