"""Which modules the job of a container can run without its image."""

import functools
import importlib.machinery
import importlib.util
from collections.abc import Mapping, Sequence, Set
from importlib import metadata

from packaging.utils import canonicalize_name

from cloud.emulator.rest.container_command import NeedsImage, Runnable
from cloud.engine.runtimes import python_code
from cloud.engine.runtimes.google_images import distribution_of
from cloud.engine.runtimes.view_build import hidden_from_jobs
from cloud.engine.runtimes.view_folders import site_folders
from cloud.wire import own_images

_OF_NAMESPACE = "google-cloud-core"


def check_visible(program: Runnable) -> None:
    """Raises:
    NeedsImage: the module is not in what is installed here, and nothing is installed for the job that may bring it.
    """
    if program.package_uris or program.requirements or program.module in (python_code.MODULE, own_images.TRAINING):
        return
    if not _is_visible(program.module):
        raise NeedsImage(f"Outside the image there is no module {program.module[:100]!r}.")


def _is_visible(module: str) -> bool:
    """Whether jobs see it. Found without importing anything: what a client names is not to run in this program."""
    if distribution_of(module) not in (None, _OF_NAMESPACE):
        return True  # in a runtime or a layer, or the job's error says how to have it
    first, *below = module.split(".")
    found = importlib.util.find_spec(first) if first.isidentifier() and first != "__main__" else None
    top = first
    for name in below:
        places = found.submodule_search_locations if found else None
        found = importlib.machinery.PathFinder.find_spec(f"{top}.{name}", list(places)) if places else None
        top = f"{top}.{name}"
    return found is not None and not _is_hidden(first)


def _is_hidden(top: str) -> bool:
    owners, hidden = _owners()
    return top in owners and {canonicalize_name(name) for name in owners[top]} <= hidden


@functools.cache
def _owners() -> tuple[Mapping[str, Sequence[str]], Set[str]]:
    """The distributions of each top-level module, and those that no job sees."""
    return metadata.packages_distributions(), hidden_from_jobs(site_folders())
