"""What the service checked of a ``Version`` before it deployed it. Pure. Texts: see ``job_checks``."""

from collections.abc import Mapping

from cloud.emulator.ml_v1 import tables
from cloud.emulator.ml_v1.job_checks import check_accelerator, check_runtime
from cloud.emulator.rest.schemas import snake
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.resources import Abilities, Framework, Json

_DONE_BY_GOOGLE = {
    "predictionClass": "Custom prediction routines are",
    "container": "A custom container is",
    "routes": "A custom container is",
    "packageUris": "Code of your own is",
    "serviceAccount": "Code with an account of its own is",
}
"""``packageUris`` and ``serviceAccount`` belong to the others."""


_FIRST_OF_OTHERS = (1, 4)
"""The runtime version from which on other frameworks are served (discovery document ``ml.v1``)."""


def check_version(given: Mapping[str, Json], *, project: str, on_regional_endpoint: bool, abilities: Abilities) -> str:
    """The version's machine type.

    Args:
        abilities: of the backend.

    Raises:
        InvalidArgument, FailedPrecondition: a fault, or something that is not served here.
        QuotaFailure: accelerators are requested from a backend that grants none.
    """
    if "predictionClass" in given and "framework" in given:
        raise FailedPrecondition(
            'Exactly one of "prediction_class" and "framework" may be provided.', field="prediction_class"
        )
    for name, what in _DONE_BY_GOOGLE.items():
        if name in given:
            raise InvalidArgument(
                f"{what} not served here: deploy a SavedModel, or a model of scikit-learn or XGBoost.",
                field=f"version.{snake(name)}",
            )
    framework = given.get("framework", "TENSORFLOW")
    if framework != Framework.TENSORFLOW and _minor(given.get("runtimeVersion", "1.0")) < _FIRST_OF_OTHERS:
        raise InvalidArgument(
            f"{framework} needs runtime version 1.4 or later: {given.get('runtimeVersion', 'none')} was given.",
            field="version.runtime_version",
        )
    check_runtime(given.get("runtimeVersion"), given.get("pythonVersion"), abilities)
    if "autoScaling" in given and "manualScaling" in given:
        raise InvalidArgument("Only one of automatic and manual scaling may be chosen.", field="version.manual_scaling")
    default = tables.DEFAULT_REGIONAL_MACHINE if on_regional_endpoint else tables.DEFAULT_GLOBAL_MACHINE
    offered = tables.REGIONAL_SERVING_MACHINES if on_regional_endpoint else tables.GLOBAL_SERVING_MACHINES
    machine = str(given.get("machineType", default))
    if machine in offered:
        accelerator = given.get("acceleratorConfig", {})
        check_accelerator(accelerator, machine, "version.accelerator_config", project, abilities)
        return machine
    if machine in tables.REGIONAL_SERVING_MACHINES | tables.GLOBAL_SERVING_MACHINES:
        raise InvalidArgument("Machine type is not available on this endpoint.", field="version.machine_type")
    raise InvalidArgument(f"The machine type {machine[:60]!r} is not supported.", field="version.machine_type")


def _minor(version: str) -> tuple[int, ...]:
    """``(1, 4)``; of what is no version, which another check refuses, nothing less."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else _FIRST_OF_OTHERS
