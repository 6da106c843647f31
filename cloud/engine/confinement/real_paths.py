"""Paths without links: what lies below what, wherever links lead."""

import os
from collections.abc import Iterable
from pathlib import Path


def real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def holds(folder: Path, inner: Iterable[Path]) -> bool:
    """Whether one of ``inner`` is ``folder`` or lies below it."""
    return any(real(path).is_relative_to(real(folder)) for path in inner)
