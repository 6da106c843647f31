"""What a job requests, and the name of the nearest runtime that can exist on this machine. Pure.

Runtime versions of ML Engine are those of TensorFlow of the same minor version
(https://cloud.google.com/ai-platform/training/docs/runtime-version-list). What can exist is decided by the wheels on
PyPI: ``tf.estimator`` and Keras 2 end with TensorFlow 2.15, which runs in Python 3.9 to 3.11.
"""

from collections.abc import Collection

from cloud.engine.runtimes.runtime import RuntimeRequest
from cloud.resources import Framework, TrainingSpec, VersionSpec
from cloud.wire.images import parse_image

INSTALLED = "installed"
"""The environment that this project is installed in."""
TF1 = "tf1"
"""TensorFlow 2.15, as its ``compat.v1``."""
TF2 = "tf2.15"
PYTHON = "python"
"""Python alone, of images without a framework."""
IMAGE = "image"
"""The layer on the installed environment, with what Google's images hold beside TensorFlow."""
_LAST_TF2 = (2, 15)
_NEWEST_OF_ML_ENGINE = {"tensorflow": None, "scikit-learn": "1.0", "xgboost": "1.6"}
"""Versions in runtime version 2.11. The older ones held older, of which there are no wheels, and newer load models of
older."""
PREFIXES = {"tensorflow": "tf", "scikit-learn": "sklearn", "xgboost": "xgboost"}
FRAMEWORKS = {prefix: framework for framework, prefix in PREFIXES.items()}
"""The framework of a runtime by the first letters of its name."""
_DISTRIBUTIONS = {
    Framework.TENSORFLOW: "tensorflow",
    Framework.SCIKIT_LEARN: "scikit-learn",
    Framework.XGBOOST: "xgboost",
}
OFFERED = {
    "scikit-learn": {
        "1.1": ("3.8", "3.11"),
        "1.2": ("3.8", "3.11"),
        "1.3": ("3.8", "3.12"),
        "1.4": ("3.9", "3.12"),
        "1.5": ("3.9", "3.13"),
        "1.6": ("3.9", "3.13"),
        "1.7": ("3.10", "3.13"),
    },
    "xgboost": {
        "1.6": ("3.8", "3.11"),
        "1.7": ("3.8", "3.12"),
        "2.0": ("3.8", "3.12"),
        "2.1": ("3.9", "3.13"),
        "3.0": ("3.10", "3.13"),
    },
}
"""Versions and the Pythons of their wheels, lowest and highest."""


def request_of(spec: TrainingSpec) -> RuntimeRequest | None:
    """What a job requests; None: nothing."""
    return request_for_image(spec.image) or request_for_version(spec.runtime_version, spec.python_version)


def request_of_version(spec: VersionSpec) -> RuntimeRequest | None:
    """What a model version requests; None: nothing."""
    framework = _DISTRIBUTIONS[spec.framework]
    return request_for_image(spec.image) or request_for_version(spec.runtime_version, spec.python_version, framework)


def request_for_image(uri: str | None) -> RuntimeRequest | None:
    """What one of Google's prebuilt images stands for; None for another image."""
    image = parse_image(uri) if uri else None
    if image is None:
        return None
    text = f"image {image}" if image.is_listed else f"image {image}, which no page of Google's lists"
    return RuntimeRequest(image.framework, image.version, image.python, text)


def request_for_version(
    runtime: str | None, python: str | None, framework: str = "tensorflow"
) -> RuntimeRequest | None:
    """What a runtime version of ML Engine stands for; None if neither it nor a Python is given.

    Args:
        framework: of a model version.
    """
    parts = [f"runtime version {runtime}" if runtime else "", f"Python {python}" if python else ""]
    text = " with ".join(filter(None, parts))
    if framework != "tensorflow":
        return RuntimeRequest(
            framework, _NEWEST_OF_ML_ENGINE[framework] if runtime else None, python, text or framework
        )
    return RuntimeRequest(framework, minor(runtime) if runtime else None, python, text) if text else None


def nearest(
    request: RuntimeRequest | None, *, ready: Collection[str], installed: str, python: str, exact: bool = False
) -> str:
    """The name of the runtime that is nearest to ``request``.

    Args:
        ready: names of the runtimes that exist.
        installed: version of the installed TensorFlow; empty: there is none.
        python: ``MAJOR.MINOR`` of the interpreter that runtimes are made with, unless another is chosen.
        exact: a version of TensorFlow that has wheels must be that one; otherwise the installed one does for 2.16 and
            later.
    """
    if request is None:
        return INSTALLED
    if request.framework == PYTHON:
        return PYTHON
    if request.framework in OFFERED:
        return _nearest_offered(request, ready, python)
    if request.framework != "tensorflow" or request.version is None or request.version == minor(installed):
        return INSTALLED
    name = f"tf{request.version}"
    if name in ready:
        return name
    version = as_numbers(request.version)
    if version < (2, 0):
        return TF1
    if version <= _LAST_TF2:
        return TF2
    return name if exact else INSTALLED


def _nearest_offered(request: RuntimeRequest, ready: Collection[str], python: str) -> str:
    prefix = PREFIXES[request.framework]
    name = f"{prefix}{request.version}"
    if name in ready:
        return name
    fitting = [
        version
        for version, (lowest, highest) in OFFERED[request.framework].items()
        if as_numbers(lowest) <= as_numbers(python) <= as_numbers(highest)
    ] or list(OFFERED[request.framework])
    if request.version is None:
        # Any will do, so that of what exists is taken first.
        existing = [version for version in fitting if f"{prefix}{version}" in ready]
        return f"{prefix}{(existing or fitting)[-1]}"
    newer = [version for version in fitting if as_numbers(version) >= as_numbers(request.version)]
    return f"{prefix}{newer[0] if newer else fitting[-1]}"


def minor(version: str) -> str:
    """``2.15`` of ``2.15.1``."""
    return ".".join(version.split(".")[:2])


def as_numbers(version: str) -> tuple[int, ...]:
    """For comparisons: ``(2, 15)`` of ``2.15``."""
    return tuple(int(part) for part in version.split("."))
