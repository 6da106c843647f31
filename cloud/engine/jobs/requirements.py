"""Checks the requirements of a job's packages."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from cloud.errors import FailedPrecondition


def check_requirements(folders: Sequence[Path]) -> None:
    """Check that what the packages in ``folders`` require is installed there or in this Python.

    Args:
        folders: where the job's packages are installed, in the order of the import path.

    Raises:
        FailedPrecondition: it names the package, the requirement, what is installed instead, and what to do.
    """
    packages = list(importlib.metadata.distributions(path=[str(folder) for folder in folders]))
    # Of two with the same name, the first in the import path is the one that is imported.
    own = {canonicalize_name(package.name): package.version for package in reversed(packages)}
    problems = [
        f"{package.name} {package.version} requires {problem}"
        for package in packages
        for text in package.requires or ()
        if (problem := _unmet(text, own))
    ]
    if problems:
        raise FailedPrecondition(
            f"{'; '.join(problems)}. Nothing is downloaded here: install it next to this project, add it to the job's "
            "packages, or loosen the requirement",
            field="training_input.package_uris",
        )


def _unmet(text: str, own: Mapping[NormalizedName, str]) -> str:
    """Why a requirement is not met; empty if it is."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        return f"{text!r}, which cannot be read: {error}"
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return ""
    version = own.get(canonicalize_name(requirement.name)) or _installed(requirement.name)
    if version is None:
        return f"{text}, which is not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{text}, but {version} is installed"
    return ""


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
