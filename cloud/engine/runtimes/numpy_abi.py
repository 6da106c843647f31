"""Which packages were built for NumPy 1: importing them with NumPy 2 fails, which their metadata do not say.

Modules built with the headers of NumPy 2 run with both (https://numpy.org/doc/stable/dev/depending_on_numpy.html).
"""

from pathlib import Path

from packaging.version import Version

from cloud.engine.runtimes.distributions import Distribution, Distributions
from cloud.engine.runtimes.link_tree import recorded_files

NUMPY = "numpy"
_OF_BOTH, _OF_2 = b"numpy.core._multiarray_umath", b"numpy._core._multiarray_umath"
"""Modules that NumPy's C headers import by name: those of 2 try its new name first."""


def built_for_numpy_1(folder: Path) -> list[str]:
    """``NAME VERSION`` of the distributions in ``folder`` that have such modules."""
    return [
        str(distribution)
        for distribution in Distributions([folder])
        if any(_is_for_numpy_1(folder / file) for file in recorded_files(distribution.info) if file.endswith(".so"))
    ]


def is_numpy_2(numpy: Distribution | None) -> bool:
    return numpy is not None and Version(numpy.version) >= Version("2")


def _is_for_numpy_1(module: Path) -> bool:
    try:
        content = module.read_bytes()
    except FileNotFoundError:
        return False
    return _OF_BOTH in content and _OF_2 not in content
