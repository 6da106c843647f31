"""The names of Google's prebuilt images of Vertex AI: ``REGISTRY/KIND/NAME[:TAG][@DIGEST]``. Pure.

Pages: https://cloud.google.com/vertex-ai/docs/training/pre-built-containers and
https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers. ``gcr.io/cloud-aiplatform`` is the registry of
the first ones, which samples and the Python SDK's own docstrings still name, often without a tag. A name that no page
lists is known by its framework and version, too.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FRAMEWORKS: Mapping[str, str] = {
    "tf": "tensorflow",
    "tf2": "tensorflow",
    "tf_opt": "tensorflow",
    "scikit-learn": "scikit-learn",
    "sklearn": "scikit-learn",
    "xgboost": "xgboost",
    "pytorch": "pytorch",
}
"""The framework by the first word of an image's name."""
_IMAGE = re.compile(
    r"(?:(?:us|europe|asia)-docker\.pkg\.dev/(?:vertex-ai|vertex-ai-restricted|cloud-aiplatform)"
    r"|(?:(?:us|eu|asia)\.)?gcr\.io/cloud-aiplatform)"
    r"/(?P<kind>training|prediction)"
    rf"/(?P<name>(?P<framework>{'|'.join(FRAMEWORKS)})-(?:cpu|gpu|tpu|xla)"
    r"(?:\.(?:nightly|(?P<major>\d+)-(?P<minor>\d+)(?:-\d+)?))?"
    r"(?:\.(?:py|cp)(?P<python_major>\d)-?(?P<python_minor>\d+))?)"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-fA-F]{32,64})?",
    re.ASCII,
)

_REDUCTION_SERVER = re.compile(
    r"(?:(?:us|europe|asia)-)?docker\.pkg\.dev/vertex-ai-restricted/training/reductionserver(?::\S+)?(?:@\S+)?"
)
"""https://cloud.google.com/vertex-ai/docs/training/distributed-training#reduce_training_time_with_reduction_server"""


class ImageKind(StrEnum):
    TRAINING = "training"
    PREDICTION = "prediction"


_LISTED: Mapping[ImageKind, re.Pattern[str]] = {
    ImageKind.TRAINING: re.compile(
        r"tf-[cg]pu\.(?:1-15|2-[1-9]|2-11|2-(?:[89]|1[1-7])\.py310)"
        r"|tf-tpu\.(?:2-12|2-15\.cp310)"
        r"|pytorch-(?:[cg]pu\.1-(?:[4-7]|9|1[0-3])|gpu\.1-1[23]\.py310|(?:gpu|xla)\.2-[0-4]\.py310"
        r"|tpu\.2-[01]\.cp310)"
        r"|scikit-learn-cpu\.0-23"
        r"|sklearn-[cg]pu\.1-[06](?:\.py310)?"
        r"|xgboost-(?:cpu\.1-1|[cg]pu\.(?:1-6|2-1)(?:\.py310)?)"
    ),
    ImageKind.PREDICTION: re.compile(
        r"tf2-[cg]pu\.2-(?:[1-9]|1[0-5])"
        r"|tf-[cg]pu\.1-15"
        r"|tf_opt-[cg]pu\.(?:nightly|2-13|2-17)"
        r"|sklearn-cpu\.(?:0-2[0234]|1-[02-6])"
        r"|xgboost-cpu\.(?:0-82|0-90|1-[1-7]|2-[01])"
        r"|pytorch-[cg]pu\.(?:1-1[1-3]|2-[0-4])"
    ),
}
"""The names on the two pages, in the Python SDK and in Google's samples."""


@dataclass(frozen=True, slots=True)
class PrebuiltImage:
    kind: ImageKind
    name: str
    """``tf-cpu.2-15.py310``: without registry, tag and digest, which decide nothing here."""
    framework: str
    """One of the values of ``FRAMEWORKS``."""
    version: str | None
    """``MAJOR.MINOR`` of the framework; None: the newest."""
    python: str | None
    """``MAJOR.MINOR``, if the name has it."""

    @property
    def is_listed(self) -> bool:
        """Whether a page of Google's, or the Python SDK, has this name."""
        return _LISTED[self.kind].fullmatch(self.name) is not None

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.name}"


def is_reduction_server(uri: str) -> bool:
    """Whether it is Google's image of the server that adds up GPUs' gradients."""
    return _REDUCTION_SERVER.fullmatch(uri) is not None


@functools.lru_cache(maxsize=256)
def parse_image(uri: str) -> PrebuiltImage | None:
    """The image of this URI; None if it is not one of Google's prebuilt ones."""
    found = _IMAGE.fullmatch(uri)
    if found is None:
        return None
    return PrebuiltImage(
        kind=ImageKind(found["kind"]),
        name=found["name"],
        framework=FRAMEWORKS[found["framework"]],
        version=f"{found['major']}.{found['minor']}" if found["major"] else None,
        python=f"{found['python_major']}.{found['python_minor']}" if found["python_major"] else None,
    )
