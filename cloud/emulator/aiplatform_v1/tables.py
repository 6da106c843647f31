"""Vertex AI's regions, machine types and enums. Data with its sources.

Regions: those that the Python SDK knows (``google.cloud.aiplatform.constants.base``). Machine types:
https://cloud.google.com/vertex-ai/docs/training/configure-compute and
https://cloud.google.com/vertex-ai/docs/predictions/configure-compute.
"""

from collections.abc import Mapping

from cloud.emulator.rest.machine_types import COMPUTE_ENGINE_MACHINES

_NUMBERS = {
    "africa-south": (1,),
    "asia-east": (1, 2),
    "asia-northeast": (1, 2, 3),
    "asia-south": (1, 2),
    "asia-southeast": (1, 2),
    "australia-southeast": (1, 2),
    "europe-central": (2,),
    "europe-north": (1, 2),
    "europe-southwest": (1,),
    "europe-west": (1, 2, 3, 4, 6, 8, 9, 12),
    "me-central": (1, 2),
    "me-west": (1,),
    "northamerica-northeast": (1, 2),
    "southamerica-east": (1,),
    "southamerica-west": (1,),
    "us-central": (1,),
    "us-east": (1, 4, 5, 7),
    "us-south": (1,),
    "us-west": (1, 2, 3, 4, 8),
}
REGIONS = tuple(f"{area}{number}" for area, numbers in _NUMBERS.items() for number in numbers)

TRAINING_MACHINES = COMPUTE_ENGINE_MACHINES | {
    *(f"g2-standard-{size}" for size in (4, 8, 12, 16, 24, 32, 48, 96)),
    *(f"a2-ultragpu-{count}g" for count in (1, 2, 4, 8)),
    *(f"a3-highgpu-{count}g" for count in (1, 2, 4, 8)),
    *("a3-megagpu-8g", "a3-ultragpu-8g", "a4-highgpu-8g"),
    "cloud-tpu",
    *(f"ct5lp-hightpu-{count}t" for count in (1, 4, 8)),
}
SERVING_MACHINES = TRAINING_MACHINES | {
    "n1-standard-2",
    *(f"n1-highcpu-{size}" for size in (2, 4, 8)),
    "e2-standard-2",
    *(f"e2-highcpu-{size}" for size in (2, 4, 8)),
    "n2-standard-2",
    *(f"n2-highcpu-{size}" for size in (2, 4, 8)),
}

ENUM_NUMBERS: Mapping[str, Mapping[int, str]] = {
    "GoogleCloudAiplatformV1MachineSpec.acceleratorType": {
        0: "ACCELERATOR_TYPE_UNSPECIFIED",
        1: "NVIDIA_TESLA_K80",
        2: "NVIDIA_TESLA_P100",
        3: "NVIDIA_TESLA_V100",
        4: "NVIDIA_TESLA_P4",
        5: "NVIDIA_TESLA_T4",
        6: "TPU_V2",
        7: "TPU_V3",
        8: "NVIDIA_TESLA_A100",
        9: "NVIDIA_A100_80GB",
        10: "TPU_V4_POD",
        11: "NVIDIA_L4",
        12: "TPU_V5_LITEPOD",
        13: "NVIDIA_H100_80GB",
        14: "NVIDIA_H100_MEGA_80GB",
        15: "NVIDIA_H200_141GB",
        16: "NVIDIA_B200",
        17: "NVIDIA_GB200",
        18: "NVIDIA_RTX_PRO_6000",
    },
    "GoogleCloudAiplatformV1Scheduling.strategy": {
        0: "STRATEGY_UNSPECIFIED",
        1: "ON_DEMAND",
        2: "LOW_COST",
        3: "STANDARD",
        4: "SPOT",
        6: "FLEX_START",
    },
    "GoogleCloudAiplatformV1StudySpec.algorithm": {
        0: "ALGORITHM_UNSPECIFIED",
        2: "GRID_SEARCH",
        3: "RANDOM_SEARCH",
    },
    "GoogleCloudAiplatformV1ExplanationMetadataInputMetadataVisualization.colorMap": {
        0: "COLOR_MAP_UNSPECIFIED",
        1: "PINK_GREEN",
        2: "VIRIDIS",
        3: "RED",
        4: "GREEN",
        5: "PINK_WHITE_GREEN",
        6: "RED_GREEN",
    },
}
"""Of the enums of requests whose names the discovery document does not list in the order of their numbers."""
