"""How each runtime is made: what is installed in it, and in which Pythons it can exist. Data, from the wheels on PyPI.

Bases hold what Google's images hold beside the framework, so that a job finds here what it finds there.
"""

import re
import sys
from dataclasses import dataclass

from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK, LIMITS
from cloud.engine.runtimes.names import (
    FRAMEWORKS,
    INSTALLED,
    OFFERED,
    PREFIXES,
    PYTHON,
    TF1,
    TF2,
    as_numbers,
    nearest,
    request_for_image,
    request_for_version,
)
from cloud.engine.runtimes.runtime import PRELOAD
from cloud.errors import InvalidArgument

TITLES = {"tensorflow": "TensorFlow", "scikit-learn": "scikit-learn", "xgboost": "XGBoost"}
OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_TENSORFLOW = {
    # The last of TensorFlow 1, in Pythons that only --python brings.
    "1.13": ("3.5", "3.7"),
    "1.14": ("3.5", "3.7"),
    "1.15": ("3.5", "3.7"),
    **dict.fromkeys(("2.1", "2.2", "2.3", "2.4"), ("3.5", "3.8")),
    **dict.fromkeys(("2.5", "2.6"), ("3.6", "3.9")),
    "2.7": ("3.7", "3.9"),
    **dict.fromkeys(("2.8", "2.9", "2.10", "2.11"), ("3.7", "3.10")),
    # 2.12 cannot export a Keras model.
    "2.13": ("3.8", "3.11"),
    **dict.fromkeys(("2.14", "2.15"), ("3.9", "3.11")),
    **dict.fromkeys(("2.16", "2.17", "2.18", "2.19"), ("3.9", "3.12")),
    "2.20": ("3.9", "3.13"),
    "2.21": ("3.10", "3.13"),
}
"""Versions of TensorFlow, and the Pythons of their wheels, lowest and highest."""
_BESIDE = (*BESIDE_FRAMEWORK, *LIMITS, "google-api-core<2.26")
"""Later ones warn in every job that the end of its Python is near."""
_OF_ML_ENGINE = ("numpy<1.24", "pandas<2", "scikit-learn<1.2", "scipy<1.12", "xgboost<1.8")
"""The oldest with wheels for all Pythons of ``tf2.15``: the images had pandas 1.3, scikit-learn 1.0 and XGBoost 1.6 at
the end, and what their programs use has gone since (``np.float``, ``DataFrame.append``, ``load_boston``,
``normalize``)."""
_CONTRIB = "tf-slim>=1.1"
"""For ``tf1``, which shares the packages of ``tf2.15``: ``tf.contrib.slim``, and most of ``tf.contrib.layers``."""
OVERRIDES = ("nvidia-nccl-cu12; sys_platform == 'never'",)
"""Requirements of requirements that are left out: a third of a gigabyte, for GPUs."""


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    pythons: tuple[str, str]
    """``MAJOR.MINOR``, the lowest and the highest."""
    requirements: tuple[str, ...]
    framework: str
    """The distribution that it is about: its version is told in logs."""
    size: str = ""
    """What is downloaded, if nothing is cached."""
    base: str | None = None
    """The runtime whose packages it sees."""
    preload: tuple[str, ...] = ()

    def fits(self, python: str) -> bool:
        """Whether it can exist in Python ``MAJOR.MINOR``."""
        return as_numbers(self.pythons[0]) <= as_numbers(python) <= as_numbers(self.pythons[1])

    @property
    def range(self) -> str:
        """``Python 3.9 to 3.11``."""
        return f"Python {' to '.join(dict.fromkeys(self.pythons))}"


def recipe(name: str) -> Recipe:
    """
    Args:
        name: ``tf2.15``, ``tf1``, ``sklearn1.3``, ``xgboost2.0``.

    Raises:
        InvalidArgument: there is no such runtime.
    """
    if name == TF1:
        return Recipe(TF1, recipe(TF2).pythons, (), "tensorflow", recipe(TF2).size, TF2, PRELOAD)
    if name == PYTHON:
        return Recipe(PYTHON, ("3.8", "3.14"), ("pip", "setuptools<81", "wheel"), "pip", "3 MB")
    found = re.fullmatch(rf"({'|'.join(FRAMEWORKS)})(\d+\.\d+)", name, re.ASCII)
    framework, version = (FRAMEWORKS[found[1]], found[2]) if found else ("", "")
    pythons = {"tensorflow": _TENSORFLOW, **OFFERED}.get(framework, {}).get(version)
    if pythons is None:
        raise InvalidArgument(
            f"there is no runtime {name[:60]!r}: name {TF1}, {TF2}, tf2.N, sklearn1.N or xgboostN.N, "
            "a runtime version of ML Engine (1.15, 2.8) or one of Google's images",
            field="name",
        )
    own = f"{framework}=={version}.*"
    if framework == "tensorflow":
        return Recipe(name, pythons, (own, *_beside_tensorflow(version)), framework, "0.5 GB", preload=PRELOAD)
    return Recipe(name, pythons, (own, *_beside(framework, version)), framework, "0.2 GB")


def choose(text: str, *, installed: str, python: str | None) -> str:
    """The name of the runtime that a person means.

    Args:
        text: its own name, a runtime version of ML Engine, or the URI of one of Google's images.
        installed: version of the installed TensorFlow; empty: there is none.
        python: ``MAJOR.MINOR`` of a chosen interpreter: what can exist exactly in it, is meant exactly. None: this one.

    Raises:
        InvalidArgument: there is no such runtime.
    """
    is_version = re.fullmatch(r"\d+\.\d+(?:\.\d+)?", text, re.ASCII)
    request = request_for_version(text, None) if is_version else request_for_image(text)
    if request is None:
        return recipe(text).name
    if request.framework not in TITLES:
        made = ", ".join(TITLES.values())
        raise InvalidArgument(f"{request.text}: there are runtimes of {made}, and no others", field="name")
    exact = f"{PREFIXES[request.framework]}{request.version}"
    ready = (exact,) if python and _exists(exact) and recipe(exact).fits(python) else ()
    name = nearest(request, ready=ready, installed=installed, python=python or OWN_PYTHON, exact=True)
    return name if name == INSTALLED else recipe(name).name


def _exists(name: str) -> bool:
    try:
        recipe(name)
    except InvalidArgument:
        return False
    return True


def _beside_tensorflow(version: str) -> tuple[str, ...]:
    """With the bounds that the metadata of older versions lack."""
    numbers = as_numbers(version)
    older = ("protobuf<3.21",) if numbers < (2, 12) else ()
    of_their_time = _OF_ML_ENGINE if numbers < (2, 16) else ()
    if version == TF2.removeprefix(PREFIXES["tensorflow"]):
        of_their_time = (*of_their_time, _CONTRIB)
    return (*_BESIDE, *older, *of_their_time, *(("h5py<3",) if numbers < (2, 5) else ()))


def _beside(framework: str, version: str) -> tuple[str, ...]:
    numbers = as_numbers(version)
    if framework == "scikit-learn":
        return (*_BESIDE, *(("numpy<2",) if numbers < (1, 4) else ()))
    if numbers < (2, 1):
        # Older ones import pkg_resources, which setuptools had to 80.
        own = ("setuptools<81",) if numbers < (2, 0) else ()
        return (*_BESIDE, *own, "numpy<2", "pandas<2.2", "scikit-learn<1.4")
    return (*_BESIDE, *(("scikit-learn<1.6",) if numbers < (3, 0) else ()))
