"""The resource name of an image in Artifact Registry. Pure.

Names: https://cloud.google.com/artifact-registry/docs/docker/names; images of the former Container Registry are in
repositories named after its hosts: https://cloud.google.com/artifact-registry/docs/transition/transition-from-gcr.
"""

import re
from urllib.parse import quote

_IMAGE = re.compile(
    r"(?:(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)"
    r"|(?P<host>(?:us\.|eu\.|asia\.)?gcr\.io)/(?P<owner>[^/]+))"
    r"/(?P<package>[^:@]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LOCATIONS = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}
_PACKAGES = "artifactregistry.projects.locations.repositories.packages"


def lookup(uri: str) -> tuple[str, str] | None:
    """The id of the method that reads an image, and the name to read; None if it is not in Google's registries."""
    found = _IMAGE.fullmatch(uri)
    if found is None:
        return None
    host = found["host"]
    location, project, repository = (
        (_LOCATIONS[host], found["owner"], host) if host else (found["location"], found["project"], found["repository"])
    )
    package = quote(found["package"], safe="")
    name = f"projects/{project}/locations/{location}/repositories/{repository}/packages/{package}"
    if found["digest"]:
        return f"{_PACKAGES}.versions.get", f"{name}/versions/{found['digest']}"
    return f"{_PACKAGES}.tags.get", f"{name}/tags/{found['tag'] or 'latest'}"
