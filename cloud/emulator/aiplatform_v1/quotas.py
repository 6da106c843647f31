"""Accelerators, and what a project is told that may use none. Pure."""

import re
from collections.abc import Mapping

from cloud.emulator.envelopes import QuotaFailure
from cloud.resources import Json


def accelerators_asked(machine: Mapping[str, Json]) -> str | None:
    """The type of accelerator that a ``MachineSpec`` asks for (``NVIDIA_TESLA_T4``); None if it asks for none."""
    if not machine.get("acceleratorCount"):
        # The types a2 and g2 bring their own.
        built_in = {"a2": "NVIDIA_TESLA_A100", "g2": "NVIDIA_L4"}
        return built_in.get(machine.get("machineType", "").partition("-")[0])
    return str(machine.get("acceleratorType", "NVIDIA_TESLA_T4"))


def no_quota(use: str, accelerator: str) -> QuotaFailure:
    """What the service says: seen in public for T4.

    Args:
        use: ``Training`` or ``Serving``.
    """
    kind = re.sub(r"^NVIDIA_(TESLA_)?", "", accelerator)
    unit = kind.replace("_", "") if kind.startswith("TPU") else f"{kind.replace('_', '')}GPUs"
    name = f"CustomModel{use}{unit}PerProjectPerRegion"
    return QuotaFailure(f"The following quotas are exceeded: {name}", subject=name)
