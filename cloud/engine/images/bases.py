"""What the images that Dockerfiles start from hold, by their names. Pure.

Google's prebuilt images of Vertex AI; its Deep Learning Containers
(https://cloud.google.com/deep-learning-containers/docs/choosing-container); and those of Docker Hub from which training
images are made.
"""

import re
from collections.abc import Callable

from cloud.engine.images.names import ImageName, parse_name
from cloud.engine.runtimes.names import request_for_image
from cloud.engine.runtimes.runtime import RuntimeRequest
from cloud.errors import InvalidArgument

PYTHON = "python"
"""The framework of images with a Python and none."""
FAMILIES = (
    "Google's prebuilt images (us-docker.pkg.dev/vertex-ai/training/…), Deep Learning Containers "
    "(gcr.io/deeplearning-platform-release/…), tensorflow/tensorflow, pytorch/pytorch, python, "
    "gcr.io/google-appengine/python, ubuntu, debian, nvidia/cuda, and images that were built here"
)
"""For errors."""
_FRAMEWORKS = {
    "tf": "tensorflow",
    "tf2": "tensorflow",
    "tensorflow": "tensorflow",
    "pytorch": "pytorch",
    "sklearn": "scikit-learn",
    "xgboost": "xgboost",
    "base": PYTHON,
    "common": PYTHON,
}
_DEEP_LEARNING = re.compile(
    r"(?:(?:(?:us|eu|asia)\.)?gcr\.io|(?:us|europe|asia)-docker\.pkg\.dev)/deeplearning-platform-release/(?:gcr\.io/)?"
    rf"(?P<name>(?P<framework>{'|'.join(_FRAMEWORKS)})(?:-latest)?-(?:cpu|gpu|cu\d+)"
    r"(?:\.(?P<major>\d+)-(?P<minor>\d+))?(?:\.py(?P<python_major>\d)(?P<python_minor>\d+))?(?:[.-][a-z0-9.-]+)?)"
)
_MIRRORS = ("mirror.gcr.io/library/", "mirror.gcr.io/", "public.ecr.aws/docker/library/")
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\D.*)?")
_PYTHON_IN_TAG = re.compile(r"py(?:thon)?-?(\d)\.?(\d+)")
_WITH_A_PYTHON = frozenset(
    """
    alpine buildpack-deps condaforge/mambaforge condaforge/miniforge3 continuumio/anaconda3 continuumio/miniconda3
    debian gcr.io/distroless/python3 gcr.io/distroless/python3-debian12 gcr.io/google-appengine/python
    gcr.io/google.com/cloudsdktool/cloud-sdk gcr.io/google.com/cloudsdktool/google-cloud-cli ghcr.io/astral-sh/uv
    google/cloud-sdk mambaorg/micromamba marketplace.gcr.io/google/debian12 marketplace.gcr.io/google/python
    marketplace.gcr.io/google/ubuntu2204 nvcr.io/nvidia/cuda nvidia/cuda rapidsai/base rapidsai/notebooks
    rapidsai/rapidsai rapidsai/rapidsai-nightly tensorflow/build ubuntu
    """.split()  # noqa: SIM905
)
"""They have one, or get it by their system's packages; of some the tag says which."""


def runtime_request(base: str) -> RuntimeRequest | None:
    """What a job in an image made from ``base``, the image of a ``FROM``, requests; None: nothing is known of it.

    Its framework is ``python`` for an image with a Python and no framework.
    """
    if prebuilt := request_for_image(base):
        return prebuilt
    try:
        name = parse_name(base)
    except InvalidArgument:
        return None
    for mirror in _MIRRORS:
        if name.repository.startswith(mirror):
            name = ImageName(name.repository.removeprefix(mirror), name.tag, name.digest)
            break
    if found := _DEEP_LEARNING.fullmatch(name.repository):
        python = f"{found['python_major']}.{found['python_minor']}" if found["python_major"] else None
        version = f"{found['major']}.{found['minor']}" if found["major"] else None
        framework = _FRAMEWORKS[found["framework"]]
        if found["framework"] == "tf" and version is None:
            version = "1.15"  # tf-cpu is TensorFlow 1, as opposed to tf2-cpu
        if framework == PYTHON:
            version = None  # of CUDA, or of Google's own
        return RuntimeRequest(framework, version, python, f"image {found['name']} of Deep Learning Containers")
    of_docker_hub = _DOCKER_HUB.get(name.repository)
    if of_docker_hub is None and name.repository in _WITH_A_PYTHON:
        of_docker_hub = _some_python
    return of_docker_hub(name) if of_docker_hub else None


def _tensorflow(name: ImageName) -> RuntimeRequest:
    return RuntimeRequest("tensorflow", _version(name.tag), None, f"image {name}")


def _pytorch(name: ImageName) -> RuntimeRequest:
    return RuntimeRequest("pytorch", _version(name.tag), None, f"image {name}")


def _python(name: ImageName) -> RuntimeRequest:
    return RuntimeRequest(PYTHON, None, _version(name.tag), f"image {name}")


def _some_python(name: ImageName) -> RuntimeRequest:
    found = _PYTHON_IN_TAG.search(name.tag)
    return RuntimeRequest(PYTHON, None, f"{found[1]}.{found[2]}" if found else None, f"image {name}")


def _some(framework: str) -> Callable[[ImageName], RuntimeRequest]:
    """Images whose tags do not say which version: NVIDIA's are months."""
    return lambda name: RuntimeRequest(framework, None, None, f"image {name}")


_DOCKER_HUB: dict[str, Callable[[ImageName], RuntimeRequest]] = {
    "tensorflow/tensorflow": _tensorflow,
    "pytorch/pytorch": _pytorch,
    "python": _python,
    "nvcr.io/nvidia/tensorflow": _some("tensorflow"),
    "nvcr.io/nvidia/pytorch": _some("pytorch"),
    "us-central1-docker.pkg.dev/tpu-pytorch-releases/docker/xla": _some("pytorch"),
}


def _version(tag: str) -> str | None:
    """``MAJOR.MINOR`` at the beginning of a tag."""
    found = _VERSION.match(tag)
    return f"{found[1]}.{found[2]}" if found else None
