"""Compute Engine's machine types on which both ML Engine and Vertex AI train. Data with its sources.

https://cloud.google.com/ai-platform/training/docs/machine-types and
https://cloud.google.com/vertex-ai/docs/training/configure-compute.
"""

_SIZES = {
    "n1-standard": (4, 8, 16, 32, 64, 96),
    "n1-highmem": (2, 4, 8, 16, 32, 64, 96),
    "n1-highcpu": (16, 32, 64, 96),
    "e2-standard": (4, 8, 16, 32),
    "e2-highmem": (2, 4, 8, 16),
    "e2-highcpu": (16, 32),
    "n2-standard": (4, 8, 16, 32, 48, 64, 80),
    "n2-highmem": (2, 4, 8, 16, 32, 48, 64, 80),
    "n2-highcpu": (16, 32, 48, 64, 80),
    "c2-standard": (4, 8, 16, 30, 60),
    "m1-ultramem": (40, 80, 160),
    "m1-megamem": (96,),
    "a2-highgpu": ("1g", "2g", "4g", "8g"),
    "a2-megagpu": ("16g",),
}
COMPUTE_ENGINE_MACHINES = frozenset(f"{family}-{size}" for family, sizes in _SIZES.items() for size in sizes)
