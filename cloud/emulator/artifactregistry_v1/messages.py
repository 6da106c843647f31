"""Artifact Registry's JSON of repositories and of what is in them. Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from cloud.emulator.rest.scalars import timestamp
from cloud.engine.registry.contents import MEDIA_TYPE, Version
from cloud.engine.registry.names import GCR_LOCATIONS
from cloud.engine.registry.repositories import Repository
from cloud.resources import Json


def repository_name(project: str, repository: Repository) -> str:
    return f"projects/{project}/locations/{repository.location}/repositories/{repository.id}"


def repository_json(project: str, repository: Repository, size: int) -> dict[str, Json]:
    """``Repository``.

    Args:
        size: bytes of its images.
    """
    of_gcr = repository.id in GCR_LOCATIONS
    return {
        "name": repository_name(project, repository),
        "format": "DOCKER",
        "mode": "STANDARD_REPOSITORY",
        **repository.settings,
        "createTime": timestamp(repository.create_time),
        "updateTime": timestamp(repository.update_time),
        "registryUri": f"{repository.id}/{project}"
        if of_gcr
        else f"{repository.location}-docker.pkg.dev/{project}/{repository.id}",
        **({"sizeBytes": str(size)} if size else {}),
    }


def image_json(parent: str, version: Version, size: int) -> dict[str, Json]:
    """``DockerImage``.

    Args:
        parent: the full name of its repository.
        size: bytes.
    """
    return {
        "name": f"{parent}/dockerImages/{_quoted(version.package)}@{version.digest}",
        "uri": f"{version.name}@{version.digest}",
        **({"tags": list(version.tags)} if version.tags else {}),
        **({"imageSizeBytes": str(size)} if size else {}),
        "uploadTime": timestamp(version.upload_time),
        "updateTime": timestamp(version.upload_time),
        "buildTime": timestamp(version.build_time),
        "mediaType": MEDIA_TYPE,
    }


def package_json(parent: str, package: str, versions: list[Version]) -> dict[str, Json]:
    """``Package``."""
    times = [version.upload_time for version in versions]
    return {
        "name": f"{parent}/packages/{_quoted(package)}",
        "createTime": timestamp(min(times)),
        "updateTime": timestamp(max(times)),
    }


def version_json(parent: str, version: Version, size: int, *, is_full: bool) -> dict[str, Json]:
    """``Version``.

    Args:
        is_full: whether with its tags.
    """
    package = f"{parent}/packages/{_quoted(version.package)}"
    name = f"{package}/versions/{version.digest}"
    tags = [tag_json(package, tag, version.digest) for tag in version.tags]
    return {
        "name": name,
        "createTime": timestamp(version.upload_time),
        "updateTime": timestamp(version.upload_time),
        **({"relatedTags": tags} if is_full and tags else {}),
        "metadata": _metadata(parent, version, size),
    }


def tag_json(package: str, tag: str, digest: str) -> dict[str, Json]:
    """``Tag``.

    Args:
        package: the full name of its package.
    """
    return {"name": f"{package}/tags/{tag}", "version": f"{package}/versions/{digest}"}


def _metadata(parent: str, version: Version, size: int) -> Mapping[str, Json]:
    return {
        "buildTime": timestamp(version.build_time),
        "imageSizeBytes": str(size),
        "mediaType": MEDIA_TYPE,
        "name": f"{parent}/dockerImages/{_quoted(version.package)}@{version.digest}",
    }


def _quoted(package: str) -> str:
    return quote(package, safe="")
