"""ML Engine's runtime versions, machine types and regions. Data with its sources.

Runtime versions: https://cloud.google.com/ai-platform/training/docs/runtime-version-list. Machine types:
https://cloud.google.com/ai-platform/training/docs/machine-types and
https://cloud.google.com/ai-platform/prediction/docs/machine-types-online-prediction. Regions: the Cloud SDK's list for
``ml-engine``.
"""

from collections.abc import Mapping

_OLDEST = ("1.0", "1.1", "1.2", "1.3")
_BOTH = tuple(f"1.{minor}" for minor in range(4, 15))
_NEWEST = tuple(f"2.{minor}" for minor in range(1, 12))
RUNTIMES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_OLDEST, frozenset({"2.7"})),
    **dict.fromkeys(_BOTH, frozenset({"2.7", "3.5"})),
    "1.15": frozenset({"2.7", "3.7"}),
    **dict.fromkeys(_NEWEST, frozenset({"3.7"})),
}
"""Python versions of each runtime version there ever was. Google served each for about a year; here all are."""

CLOUD_TPU = "cloud_tpu"
ACCELERATED_LEGACY = {
    "standard_gpu": "1 K80",
    "complex_model_m_gpu": "4 K80",
    "complex_model_l_gpu": "8 K80",
    "standard_p100": "1 P100",
    "complex_model_m_p100": "4 P100",
    "standard_v100": "1 V100",
    "large_model_v100": "1 V100",
    "complex_model_m_v100": "4 V100",
    "complex_model_l_v100": "8 V100",
    CLOUD_TPU: "8 TPU_V2",
}
"""Machine types of training that bring accelerators, and how many."""
LEGACY_MACHINES = (ACCELERATED_LEGACY.keys() - {CLOUD_TPU}) | {
    *("standard", "large_model", "complex_model_s", "complex_model_m", "complex_model_l")
}

GLOBAL_SERVING_MACHINES = frozenset({"mls1-c1-m2", "mls1-c4-m2"})
"""Of the global endpoint; the first is its default."""
REGIONAL_SERVING_MACHINES = frozenset(
    {
        *(f"n1-standard-{size}" for size in (2, 4, 8, 16, 32)),
        *(f"n1-highmem-{size}" for size in (2, 4, 8, 16, 32)),
        *(f"n1-highcpu-{size}" for size in (2, 4, 8, 16, 32)),
    }
)
DEFAULT_GLOBAL_MACHINE, DEFAULT_REGIONAL_MACHINE = "mls1-c1-m2", "n1-standard-2"

REGIONS = (
    "asia-east1",
    "asia-northeast1",
    "asia-southeast1",
    "australia-southeast1",
    "europe-west1",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "northamerica-northeast1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-west1",
)
DEFAULT_REGION = "us-central1"

ML_UNITS_PER_HOUR = {"BASIC": 1.0, "STANDARD_1": 10.0, "PREMIUM_1": 75.0, "BASIC_GPU": 3.0}
"""Price of the named clusters in ML units; that of PREMIUM_1 is not confirmed."""
