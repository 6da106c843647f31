"""Accelerators: which a machine may have, and the quota of a project without any. Pure."""

import re
from collections.abc import Iterable, Mapping

from cloud.emulator.rest.errors import QuotaFailure
from cloud.errors import InvalidArgument
from cloud.resources import Abilities, Json
from cloud.wire.machine_gpus import accelerator_of, why_not


def check_accelerators(use: str, machines: Iterable[Mapping[str, Json]], *, abilities: Abilities, field: str) -> None:
    """
    Args:
        use: ``Training`` or ``Serving``.
        machines: each a ``MachineSpec``.
        abilities: of the backend.

    Raises:
        InvalidArgument: a machine cannot have those requested, or the backend has no way to name them.
        QuotaFailure: the backend grants none.
    """
    for machine in machines:
        kind = accelerator_of(machine)
        if kind is not None:
            _check(use, kind, machine, abilities, field)


def _check(use: str, kind: str, machine: Mapping[str, Json], abilities: Abilities, field: str) -> None:
    is_tpu, count = kind.startswith("TPU_"), int(machine.get("acceleratorCount", 0))
    if count and not is_tpu:
        name = str(machine.get("machineType", "n1-standard-2"))
        if fault := why_not(name, kind, count, may_share=use == "Serving"):
            raise InvalidArgument(fault, field=f"{field}.accelerator_type")
    if not (abilities.tpus if is_tpu else abilities.gpus):
        # Seen in public for T4.
        short = re.sub(r"^NVIDIA_(TESLA_)?", "", kind).replace("_", "")
        quota = f"CustomModel{use}{short if is_tpu else f'{short}GPUs'}PerProjectPerRegion"
        raise QuotaFailure(f"The following quotas are exceeded: {quota}", subject=quota)
    if not abilities.own_machines:
        raise InvalidArgument(
            f"{kind} cannot be handed on to this backend: leave the accelerator out.",
            field=f"{field}.accelerator_type",
        )
