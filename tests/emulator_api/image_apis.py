"""Cloud Build's and Artifact Registry's APIs over a backend, in memory."""

import asyncio
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.emulator.artifactregistry_v1.routes import ArtifactRegistryV1
from cloud.emulator.artifactregistry_v1.tables import ENUM_NUMBERS as REGISTRY_ENUMS
from cloud.emulator.cloudbuild_v1.execution import Means
from cloud.emulator.cloudbuild_v1.routes import CloudBuildV1
from cloud.emulator.cloudbuild_v1.tables import ENUM_NUMBERS as BUILD_ENUMS
from cloud.emulator.rest.discovery import Discovery, load
from cloud.engine.images.bases import runtime_request
from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore
from cloud.engine.registry.registry import Registry
from cloud.engine.registry.repositories import Repositories
from cloud.names import GsUri
from cloud.resources import Json
from cloud.resources.container_images import ContainerImage
from emulator_api.api_client import ApiClient

PROJECT, NUMBER = "my-project", 35462102002
SOURCE = {"storageSource": {"bucket": "bucket", "object": "source.tgz"}}
IMAGE = "us-central1-docker.pkg.dev/my-project/mine/trainer"


class PatientBuilder(ImageBuilder):
    """Waits for ``waiting`` to be set before it builds what is in a folder ``slow``."""

    def __init__(self, images: ImageStore) -> None:
        super().__init__(images)
        self.began, self.waiting = asyncio.Event(), asyncio.Event()

    async def build(self, context: Path, **options: Any) -> ContainerImage:
        self.began.set()
        if context.name == "slow":
            await self.waiting.wait()
        return await super().build(context, **options)


class _Images(ApiClient):
    """Over one registry, which stays when the API is made anew."""

    def __init__(self, *parts: Any) -> None:
        self.registry: Registry | None = None
        super().__init__(*parts)

    def own_registry(self) -> Registry:
        if self.registry is None:
            self.images = ImageStore(self.state_dir / "images")
            self.builder = PatientBuilder(self.images)
            repositories = Repositories(self.state_dir / "repositories.sqlite")
            self.registry = Registry(PROJECT, NUMBER, repositories, self.images)
        return self.registry

    async def close(self) -> None:
        await super().close()
        if self.registry:
            self.registry.repositories.close()


class RegistryApi(_Images):
    host, root = "artifactregistry.googleapis.com", "/v1/projects/my-project"

    def restart(self) -> None:
        folder = self.state_dir / "artifactregistry_v1"
        folder.mkdir(exist_ok=True)
        self.emulated = ArtifactRegistryV1(self.own_registry(), number=NUMBER, state_dir=folder)

    def document(self) -> Discovery:
        return load("artifactregistry.v1", REGISTRY_ENUMS)


class BuildApi(_Images):
    host, root = "cloudbuild.googleapis.com", "/v1/projects/my-project"

    def restart(self) -> None:
        folder = self.state_dir / "cloudbuild_v1"
        folder.mkdir(exist_ok=True)
        registry = self.own_registry()
        means = Means(self.backend, registry, self.builder, lambda name: runtime_request(name) is not None)
        self.emulated = CloudBuildV1(means, number=NUMBER, state_dir=folder)
        self.emulated.start()

    def document(self) -> Discovery:
        return load("cloudbuild.v1", BUILD_ENUMS)

    async def store(self, files: Mapping[str, str]) -> None:
        """Put the source of builds into the bucket."""
        await self.backend.write_object(GsUri("bucket", "source.tgz"), archive(files))

    async def build(self, body: Json, location: str = "global") -> Json:
        """A build at its end."""
        begun = await self.ask("POST", f"/locations/{location}/builds", body)
        return await self.ended(begun["metadata"]["build"])

    async def ended(self, build: Json) -> Json:
        path = "/" + build["name"].split("/", 2)[2]
        async with asyncio.timeout(20):
            while True:
                found = await self.ask("GET", path)
                if found["status"] not in ("QUEUED", "WORKING"):
                    return found
                await asyncio.sleep(0)

    def log(self, build: Json) -> str:
        return (self.state_dir / "cloudbuild_v1" / "logs" / f"log-{build['id']}.txt").read_text()


def archive(files: Mapping[str, str]) -> bytes:
    """A ``.tgz`` with these texts by path."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def docker(*arguments: str, **step: Json) -> Json:
    """A step of Docker's builder."""
    return {"name": "gcr.io/cloud-builders/docker", "args": list(arguments), **step}
