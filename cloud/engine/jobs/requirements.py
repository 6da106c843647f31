"""What installed packages require of each other and of the Python they run in."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from cloud.errors import FailedPrecondition


def check_requirements(folders: Sequence[Path]) -> None:
    """Check what the packages of one job, in ``folders``, require: it is there, in them or in this Python.

    Args:
        folders: all that was installed, in the order of the import path.

    Raises:
        FailedPrecondition: naming the package, what it requires, what there is instead, and the mend.
    """
    packages = list(importlib.metadata.distributions(path=[str(folder) for folder in folders]))
    # Where there are two of one name the first in the import path counts.
    own = {canonicalize_name(package.name): package.version for package in reversed(packages)}
    problems = [
        f"{package.name} {package.version} requires {problem}"
        for package in packages
        for text in package.requires or ()
        if (problem := _unmet(text, own))
    ]
    if problems:
        raise FailedPrecondition(
            f"{'; '.join(problems)}. Nothing is downloaded here: install it beside this project, add it to the job's "
            "packages, or loosen the requirement",
            field="training_input.package_uris",
        )


def _unmet(text: str, own: Mapping[NormalizedName, str]) -> str:
    """What is wrong with a requirement, or nothing."""
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
