"""Names of images as registries have them: ``us-central1-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG``. Pure.

Hosts: https://cloud.google.com/artifact-registry/docs/docker/names and, of Container Registry, whose images are in
repositories of Artifact Registry called ``gcr.io``, https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories.
"""

import re
from dataclasses import dataclass

GCR_LOCATIONS = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}
"""Container Registry's hosts, which are names of repositories, too, and where these are."""
_OF_PACKAGES = re.compile(r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of Google's registries has an image."""

    location: str
    project: str
    repository: str
    image: str
    """Its path below the repository."""


def is_google(host: str) -> bool:
    """Whether it is the host of one of Google's registries."""
    return host in GCR_LOCATIONS or _OF_PACKAGES.fullmatch(host) is not None


def place(name: str) -> Place | None:
    """Where the image ``name`` (without tag) belongs; None for a registry that is not Google's, or a local name."""
    host, _, path = name.partition("/")
    project, _, below = path.partition("/")
    if host in GCR_LOCATIONS:
        return Place(GCR_LOCATIONS[host], project, host, below) if below else None
    found = _OF_PACKAGES.fullmatch(host)
    repository, _, image = below.partition("/")
    return Place(found["location"], project, repository, image) if found and image else None


def prefixes(location: str, project: str, repository: str) -> tuple[str, ...]:
    """What the names of a repository's images begin with, the form first in which they are shown."""
    own = f"{location}-docker.pkg.dev/{project}/{repository}/"
    return (f"{repository}/{project}/", own) if repository in GCR_LOCATIONS else (own,)
