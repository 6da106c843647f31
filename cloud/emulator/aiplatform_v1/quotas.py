"""Accelerators, and the quota of a project without any. Pure."""

import re
from collections.abc import Iterable, Mapping

from cloud.emulator.rest.errors import QuotaFailure
from cloud.errors import InvalidArgument
from cloud.resources import Json


def check_accelerators(use: str, machines: Iterable[Mapping[str, Json]], *, available: bool, field: str) -> None:
    """
    Args:
        use: ``Training`` or ``Serving``.
        machines: each a ``MachineSpec``.
        available: whether the backend has accelerators.

    Raises:
        QuotaFailure: one is requested, and there are none.
        InvalidArgument: one is requested, and the backend has no way to name it.
    """
    requested = [kind for machine in machines if (kind := _accelerator(machine))]
    if not requested:
        return
    if not available:
        # Seen in public for T4.
        kind = re.sub(r"^NVIDIA_(TESLA_)?", "", requested[0]).replace("_", "")
        name = f"CustomModel{use}{kind if kind.startswith('TPU') else f'{kind}GPUs'}PerProjectPerRegion"
        raise QuotaFailure(f"The following quotas are exceeded: {name}", subject=name)
    raise InvalidArgument(
        f"{requested[0]} cannot be handed on to this backend: leave the accelerator out.",
        field=f"{field}.accelerator_type",
    )


def _accelerator(machine: Mapping[str, Json]) -> str | None:
    """The type of accelerator in a ``MachineSpec`` (``NVIDIA_TESLA_T4``); None if there is none."""
    if not machine.get("acceleratorCount"):
        # The types a2 and g2 bring their own.
        built_in = {"a2": "NVIDIA_TESLA_A100", "g2": "NVIDIA_L4"}
        return built_in.get(machine.get("machineType", "").partition("-")[0])
    return str(machine.get("acceleratorType", "NVIDIA_TESLA_T4"))
