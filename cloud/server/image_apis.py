"""The APIs by which images of containers are built and kept: Cloud Build, Artifact Registry and Docker's, over one
registry."""

from contextlib import AsyncExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from cloud.backends.base import Backend
from cloud.emulator.artifactregistry_v1 import addresses as registry_addresses
from cloud.emulator.cloudbuild_v1 import addresses as build_addresses
from cloud.emulator.deferred import Deferred
from cloud.emulator.mounts import Mount
from cloud.emulator.rest.errors import ErrorStyle
from cloud.emulator.storage_v1 import addresses as gcs
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.identities import project_number
from cloud.engine.state_folder import StateFolder
from cloud.server.docker_socket import DockerSocket

if TYPE_CHECKING:
    from cloud.emulator.artifactregistry_v1.routes import ArtifactRegistryV1
    from cloud.emulator.cloudbuild_v1.routes import CloudBuildV1
    from cloud.emulator.docker_engine.engine import DockerEngine
    from cloud.engine.images.store import ImageStore
    from cloud.engine.registry.registry import Registry

_ENGINE = ("cloud.engine.images.build", "cloud.engine.registry.registry", "cloud.engine.registry.repositories")
_BUILDS = ("cloud.emulator.cloudbuild_v1.routes", *_ENGINE)
_REGISTRY = ("cloud.emulator.artifactregistry_v1.routes", *_ENGINE)

_DOCKER = ("cloud.emulator.docker_engine.engine", *_ENGINE)


class ImageApis:
    """Loaded when one of them is used.

    Args:
        parts: closes what is made.
    """

    def __init__(self, backend: Backend, state: StateFolder, access: ProjectAccess, parts: AsyncExitStack) -> None:
        self._backend, self._state, self._access, self._parts = backend, state, access, parts
        self._number = project_number(access.project)

    def mounts(self) -> list[Mount]:
        """Where they are found."""
        builds, registry = Deferred(_BUILDS, self._make_builds), Deferred(_REGISTRY, self._make_registry_api)
        docker = Deferred(_REGISTRY, lambda: registry.load().docker)
        tokens = Deferred(_REGISTRY, lambda: registry.load().docker_tokens)
        logs = Deferred(_BUILDS, lambda: builds.load().logs)
        return [
            Mount(build_addresses.HOSTS, r".*", builds),
            Mount(gcs.XML_HOSTS, build_addresses.log_paths(self._number), logs, ErrorStyle.XML, gcs.SCOPES),
            Mount(registry_addresses.HOSTS, r".*", registry),
            Mount(registry_addresses.DOCKER_HOSTS, registry_addresses.DOCKER_SIGN_IN, tokens, requires_auth=False),
            Mount(registry_addresses.DOCKER_HOSTS, registry_addresses.DOCKER_PATHS, docker),
        ]

    @cached_property
    def docker(self) -> DockerSocket:
        """Where the owner's programs find Docker's API."""
        socket = DockerSocket(_DOCKER, self._make_docker, self._state.folder("owner") / "docker")
        self._parts.push_async_callback(socket.close)
        return socket

    @cached_property
    def images(self) -> "ImageStore":
        from cloud.engine.images.store import ImageStore

        return ImageStore(self._state.folder("images"))

    @cached_property
    def registry(self) -> "Registry":
        from cloud.engine.registry.registry import Registry
        from cloud.engine.registry.repositories import Repositories

        repositories = Repositories(self._state.folder("registry") / "repositories.sqlite")
        self._parts.callback(repositories.close)
        return Registry(self._access.project, self._number, repositories, self.images)

    def _make_builds(self) -> "CloudBuildV1":
        from cloud.emulator.cloudbuild_v1.execution import Means
        from cloud.emulator.cloudbuild_v1.routes import CloudBuildV1
        from cloud.engine.images.bases import runtime_request
        from cloud.engine.images.build import ImageBuilder

        means = Means(
            self._backend, self.registry, ImageBuilder(self.images), lambda name: runtime_request(name) is not None
        )
        folder = self._state.folder("cloudbuild_v1")
        api = CloudBuildV1(means, number=self._number, state_dir=folder, access=self._access)
        self._parts.push_async_callback(api.close)
        api.start()
        return api

    def _make_registry_api(self) -> "ArtifactRegistryV1":
        from cloud.emulator.artifactregistry_v1.routes import ArtifactRegistryV1

        folder = self._state.folder("artifactregistry_v1")
        api = ArtifactRegistryV1(self.registry, number=self._number, state_dir=folder, access=self._access)
        self._parts.push_async_callback(api.close)
        return api

    def _make_docker(self) -> "DockerEngine":
        from cloud.emulator.docker_engine.engine import DockerEngine
        from cloud.emulator.docker_engine.images import Platform
        from cloud.engine.images.build import ImageBuilder

        return DockerEngine(Platform(self.registry, ImageBuilder(self.images), self._state.folder("work")))
