"""Which GPUs and TPUs a machine has, and which GPUs it may have. Pure.

https://cloud.google.com/vertex-ai/docs/training/configure-compute and
https://cloud.google.com/ai-platform/training/docs/using-gpus: those of an N1 machine are chosen, and each kind and
number allows so many processors (https://cloud.google.com/compute/docs/gpus). Other families come with theirs.
"""

from collections.abc import Mapping

from cloud.resources import Json

_PROCESSORS_OF_N1: Mapping[str, Mapping[int, int]] = {
    "NVIDIA_TESLA_K80": {1: 8, 2: 16, 4: 32, 8: 64},
    "NVIDIA_TESLA_P4": {1: 24, 2: 48, 4: 96},
    "NVIDIA_TESLA_P100": {1: 16, 2: 32, 4: 96},
    "NVIDIA_TESLA_T4": {1: 24, 2: 48, 4: 96},
    "NVIDIA_TESLA_V100": {1: 12, 2: 24, 4: 48, 8: 96},
}
"""The most processors of a machine with that many GPUs."""
_BUILT_IN: Mapping[str, str] = {
    "a2-highgpu": "NVIDIA_TESLA_A100",
    "a2-megagpu": "NVIDIA_TESLA_A100",
    "a2-ultragpu": "NVIDIA_A100_80GB",
    "a3-highgpu": "NVIDIA_H100_80GB",
    "a3-megagpu": "NVIDIA_H100_MEGA_80GB",
    "a3-ultragpu": "NVIDIA_H200_141GB",
    "a4-highgpu": "NVIDIA_B200",
    "g2-standard": "NVIDIA_L4",
    "cloud": "TPU_V2",
    "ct5lp-hightpu": "TPU_V5_LITEPOD",
}
_OF_G2 = {24: 2, 48: 4, 96: 8}


def accelerator_of(machine: Mapping[str, Json]) -> str | None:
    """The kind of GPU or TPU (``NVIDIA_TESLA_T4``) of a ``MachineSpec`` of Vertex AI; None if it has none."""
    if machine.get("acceleratorCount"):
        return str(machine.get("acceleratorType", "ACCELERATOR_TYPE_UNSPECIFIED"))
    return _BUILT_IN.get(str(machine.get("machineType", "")).rpartition("-")[0])


def why_not(machine: str, kind: str, count: int, *, may_share: bool = False) -> str:
    """Why a machine of type ``machine`` cannot have ``count`` GPUs of ``kind``; empty if it can.

    Args:
        may_share: replicas may share a machine that comes with GPUs, so that each may ask for fewer of them.
    """
    family, _, size = machine.rpartition("-")
    refused = f'Accelerator "{kind}" is not supported for machine type "{machine}".'  # seen in public
    if family in _BUILT_IN:
        if kind != _BUILT_IN[family]:
            return refused
        there = _OF_G2.get(int(size), 1) if family == "g2-standard" else int(size.removesuffix("g"))
        if count == there or (may_share and 0 < count < there):
            return ""
        return f'A machine of type "{machine}" has {there} of "{kind}", not {count}.'
    processors = _PROCESSORS_OF_N1.get(kind)
    if not machine.startswith("n1-") or processors is None:
        return refused
    if int(size) <= processors.get(count, 0):
        return ""
    counts = [str(number) for number, most in processors.items() if int(size) <= most]
    if not counts:
        return refused
    return f'A machine of type "{machine}" may have {", ".join(counts)} of "{kind}", not {count}.'
