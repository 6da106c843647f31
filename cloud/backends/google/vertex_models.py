"""Models and versions on Vertex AI: uploaded to the model registry and deployed to endpoints (``vertex_endpoints``)."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from cloud.backends.google import saved_model
from cloud.backends.google.images import serving_image
from cloud.backends.google.operations import finish, unfinished
from cloud.backends.google.service import REQUEST_LABEL, RUN_LABEL, ServiceContext
from cloud.backends.google.vertex_endpoints import (
    ENDPOINTS,
    MODELS,
    Endpoints,
    Registered,
    Serving,
    default_version,
    deployed,
    description_of,
    registered,
)
from cloud.errors import AlreadyExists, CloudError, DeadlineExceeded, FailedPrecondition, InvalidArgument, NotFound
from cloud.gcs.retry import finish_before_cancel
from cloud.lifecycle import VersionState
from cloud.names import GsUri, check_id
from cloud.resources import Framework, Json, Model, Version, VersionSpec
from cloud.wire import own_images
from cloud.wire.model_files import SAVED_MODEL_FILES

MACHINE = "n1-standard-2"
"""The smallest machine type for serving."""
_log = logging.getLogger(__name__)


class VertexModels:
    """Args:
    image: built from docker/serving.Dockerfile, used instead of Google's prebuilt ones.
    service_account: that versions run as; None for Google's default.
    read: reads an object's bytes.
    """

    def __init__(
        self,
        context: ServiceContext,
        *,
        image: str | None,
        service_account: str | None,
        read: Callable[[GsUri], Awaitable[bytes]],
    ) -> None:
        self._context, self._send, self._read = context, context.transport.send, read
        self._image, self._service_account = image, service_account
        self.endpoints = Endpoints(context)
        self._registry: dict[str, str] = {}
        """Resource names in the registry, by model."""
        self._deploying: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._failed: dict[tuple[str, str], str] = {}
        """Why deployments of versions failed."""
        self._timed_out: set[str] = set()
        """Names of deployment operations that did not end in time."""
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def close(self) -> None:
        """Stop waiting for deployments; they continue at Google."""
        tasks = list(self._deploying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------- models

    async def create_model(self, name: str, description: str) -> Model:
        check_id(name, "model.name")
        async with self._changing[name]:
            if await self.endpoints.list(name):
                raise AlreadyExists("A model with the same name already exists.", field="model.name")
            return self.endpoints.model(await finish_before_cancel(self.endpoints.create(name, description)))

    async def get_model(self, name: str) -> Model:
        return self.endpoints.model(await self.endpoints.get(name))

    async def list_models(self) -> list[Model]:
        return sorted(map(self.endpoints.model, await self.endpoints.list()), key=lambda model: model.name)

    async def delete_model(self, name: str) -> None:
        if await self.list_versions(name):
            raise FailedPrecondition(f"model {name!r} has versions: delete them first", field="name")
        await self.endpoints.delete(name)

    # ---------------------------------------------------------------- versions

    async def create_version(self, spec: VersionSpec) -> Version:
        await self.endpoints.get(spec.model)
        if spec.framework is not Framework.TENSORFLOW:
            raise InvalidArgument(
                f"{spec.framework.value}: only SavedModels are deployed to Vertex AI here, as the image for another "
                "framework has to be of the version that saved the model. Upload it with that image: gcloud ai models "
                "upload --container-image-uri=us-docker.pkg.dev/vertex-ai/prediction/…",
                field="version.framework",
            )
        outputs = await self._inspect(spec.deployment_uri)
        async with self._changing[spec.model]:
            if any(found.spec.name == spec.name for found in await self._registered(spec.model)):
                raise AlreadyExists("A version with the same name already exists.", field="version.name")
            version = await finish_before_cancel(self._upload(spec, outputs))
        key = spec.model, spec.name
        self._failed.pop(key, None)
        task = self._deploying[key] = asyncio.create_task(self._deploy(version), name=f"deploy {spec.name}")
        task.add_done_callback(lambda _: self._deploying.pop(key, None))
        return Version(spec, VersionState.CREATING, version.create_time)

    async def get_version(self, model: str, name: str) -> Version:
        endpoint, version = await self._both(model, name)
        return await self._version(version, endpoint)

    async def list_versions(self, model: str) -> list[Version]:
        endpoint = await self.endpoints.get(model)
        found = [await self._version(version, endpoint) for version in await self._registered(model)]
        return sorted(found, key=lambda version: version.name)

    async def set_default(self, model: str, name: str) -> Version:
        endpoint, version = await self._both(model, name)
        target = deployed(endpoint, name)
        if target is None:
            raise FailedPrecondition(f"version {name!r} is not READY: it cannot be the default", field="name")
        body = {"trafficSplit": {target["id"]: 100}}
        endpoint = await self._send(
            f"{ENDPOINTS}.patch", {"name": endpoint["name"], "updateMask": "trafficSplit"}, body
        )
        await self._make_default(version)
        return await self._version(version, endpoint)

    async def delete_version(self, model: str, name: str) -> None:
        async with self._changing[model]:
            # Another client may have deleted either.
            found_endpoint, versions = await asyncio.gather(self.endpoints.find(model), self._registered(model))
            endpoint = found_endpoint or {}
            version = next((found for found in versions if found.spec.name == name), None)
            target, deploying = deployed(endpoint, name), self._deploying.get((model, name))
            if version is None and target is None:
                raise NotFound(f"no version {name!r} of model {model!r}", field="name")
            if deploying is not None:
                if target is None:
                    raise FailedPrecondition(f"version {name!r} is CREATING: it cannot be deleted yet", field="name")
                await asyncio.wait([deploying])
            elif target is None and endpoint:
                endpoint = await self._await_deployment_of_others(endpoint, model)
                target = deployed(endpoint, name)
            others = [other for other in versions if other is not version]
            if others and default_version(endpoint) == name:
                raise FailedPrecondition(
                    f"version {name!r} is the default of model {model!r}: make another one the default, or delete the "
                    "others first",
                    field="name",
                )
            if target is not None:
                await self._undeploy(endpoint, target)
            if version is not None:
                await self._unregister(version, others)
            self._failed.pop((model, name), None)

    async def created_by(self, run: str) -> tuple[list[tuple[str, str]], list[str]]:
        """A run's versions and models."""
        endpoints, versions = await self.endpoints.list(), list[tuple[str, str]]()
        # If another client deleted a model's endpoint, its versions are still in the registry.
        ours = {"parent": self.endpoints.parent, "filter": f"labels.{REQUEST_LABEL}:*"}
        uploaded = await self._context.transport.pages(f"{MODELS}.list", ours, "models")
        for model in sorted({item["displayName"] for item in (*endpoints, *uploaded)}):
            found = await self._registered(model)
            versions += [(model, each.spec.name) for each in found if each.labels.get(RUN_LABEL) == run]
        return versions, [each["displayName"] for each in endpoints if each["labels"].get(RUN_LABEL) == run]

    async def serving(self, model: str) -> Serving:
        endpoint, versions = await asyncio.gather(self.endpoints.get(model), self._registered(model))
        known = {version.spec.name: version for version in versions}
        items = endpoint.get("deployedModels", ())
        return Serving(
            default_version(endpoint),
            {target["id"]: known[name] for target in items if (name := target["displayName"]) in known},
        )

    # ---------------------------------------------------------------- the registry

    async def registered(self, model: str, name: str) -> Registered:
        """Raises:
        NotFound: no such version.
        """
        for found in await self._registered(model):
            if found.spec.name == name:
                return found
        raise NotFound(f"no version {name!r} of model {model!r}", field="name")

    async def _both(self, model: str, name: str) -> tuple[Json, Registered]:
        endpoint, version = await asyncio.gather(self.endpoints.get(model), self.registered(model, name))
        return endpoint, version

    async def _registered(self, model: str) -> list[Registered]:
        for _ in range(2):
            name = await self._registry_name(model)
            if name is None:
                break
            try:
                items = await self._context.transport.pages(f"{MODELS}.listVersions", {"name": name}, "models")
            except NotFound:
                # Another client deleted it, and may have created another one of this name.
                self._registry.pop(model, None)
                continue
            return [found for item in items if (found := registered(model, item)) is not None]
        return []

    async def _registry_name(self, model: str) -> str | None:
        if model not in self._registry:
            wanted = f'display_name="{model}" AND labels.{REQUEST_LABEL}:*'
            parent = {"parent": self.endpoints.parent, "filter": wanted}
            found = await self._context.transport.pages(f"{MODELS}.list", parent, "models")
            if not found:
                return None
            self._registry[model] = min(found, key=lambda item: str(item["createTime"]))["name"].partition("@")[0]
        return self._registry[model]

    async def _upload(self, spec: VersionSpec, outputs: dict[str, list[str]]) -> Registered:
        parent = await self._registry_name(spec.model)
        model = {
            "displayName": spec.model,
            "labels": self._context.marked(),
            "artifactUri": str(spec.deployment_uri),
            "containerSpec": self._container(spec),
            "versionDescription": description_of(spec, outputs, self._context.labels),
        }

        async def find_existing() -> Json:
            try:
                found = await self.registered(spec.model, spec.name)
            except NotFound:
                return None
            return {"done": True, "response": {"model": found.name.partition("@")[0]}}

        operation = await self._send(
            f"{MODELS}.upload",
            {"parent": self.endpoints.parent},
            {"model": model} | ({"parentModel": parent} if parent else {}),
            find_existing=find_existing,
        )
        self._registry[spec.model] = (await finish(self._context, operation))["model"].partition("@")[0]
        return await self.registered(spec.model, spec.name)

    def _container(self, spec: VersionSpec) -> dict[str, Json]:
        if self._image:
            return {"imageUri": self._image, "command": ["python3", "-m", own_images.SERVING]}
        image = serving_image(spec.runtime_version, self._context.region, datetime.now(UTC).date())
        if image.warning:
            _log.warning("%s", image.warning)
        return {"imageUri": image.uri}

    async def _make_default(self, version: Registered) -> None:
        await self._send(f"{MODELS}.mergeVersionAliases", {"name": version.name}, {"versionAliases": ["default"]})

    async def _unregister(self, version: Registered, others: Sequence[Registered]) -> None:
        model = version.name.partition("@")[0]
        if others:
            if "default" in version.aliases:
                await self._make_default(others[0])
            operation = await self._send(f"{MODELS}.deleteVersion", {"name": version.name})
        else:
            operation = await self._send(f"{MODELS}.delete", {"name": model})
            self._registry.pop(version.spec.model, None)
        await finish(self._context, operation)

    async def _inspect(self, folder: GsUri) -> dict[str, list[str]]:
        """The outputs of the SavedModel in ``folder``.

        Raises:
            FailedPrecondition: the folder does not hold exactly one.
        """
        prefix = folder.as_folder().path
        params = {"bucket": folder.bucket, "prefix": prefix + "saved_model.", "delimiter": "/"}
        try:
            listed = await self._send("storage.objects.list", params)
        except NotFound as error:
            raise FailedPrecondition(error.message, field="version.deployment_uri") from error
        names = [
            item["name"] for item in listed.get("items", ()) if item["name"].removeprefix(prefix) in SAVED_MODEL_FILES
        ]
        if len(names) != 1:
            raise FailedPrecondition(
                f"the folder {folder} is expected to hold exactly one of {' and '.join(SAVED_MODEL_FILES)}",
                field="version.deployment_uri",
            )
        return saved_model.outputs(await self._read(GsUri(folder.bucket, names[0])))

    # ---------------------------------------------------------------- deployment

    async def _deploy(self, version: Registered) -> None:
        model, name = version.spec.model, version.spec.name
        try:
            # One deployment at a time: the first one gets the traffic.
            async with self._changing[f"{model}.deploy"]:
                await self._deploy_one(version)
        except CloudError as error:
            _log.warning("version %s of model %s: %s", name, model, error)
            self._failed[model, name] = error.message
            await self._record_failure(version, error.message)

    async def _record_failure(self, version: Registered, failure: str) -> None:
        """Store in the registry why the deployment failed, for other processes: Google's endpoint does not say."""
        description = description_of(version.spec, version.outputs, version.labels, failure)
        params, body = {"name": version.name, "updateMask": "versionDescription"}, {"versionDescription": description}
        try:
            await self._send(f"{MODELS}.patch", params, body)
        except CloudError as error:
            _log.warning("version %s of model %s: %s", version.spec.name, version.spec.model, error)

    async def _deploy_one(self, version: Registered) -> None:
        endpoint = await self.endpoints.get(version.spec.model)
        name = endpoint["name"]
        resources = {"machineSpec": {"machineType": MACHINE}, "minReplicaCount": 1, "maxReplicaCount": 1}
        wanted = {"model": version.name, "displayName": version.spec.name, "dedicatedResources": resources}
        if self._service_account:
            wanted["serviceAccount"] = self._service_account
        body: dict[str, Json] = {"deployedModel": wanted}
        if not endpoint.get("deployedModels"):
            body["trafficSplit"] = {"0": 100}

        async def find_existing() -> Json:
            if deployed(await self.endpoints.get(version.spec.model), version.spec.name) is not None:
                return {"done": True}
            return await unfinished(self._context, name, "DeployModel")

        operation = await self._send(f"{ENDPOINTS}.deployModel", {"endpoint": name}, body, find_existing=find_existing)
        try:
            await finish(self._context, operation)
        except DeadlineExceeded:
            self._timed_out.add(operation["name"])
            with suppress(CloudError):  # cancelling is best effort at Google
                await self._send(f"{ENDPOINTS}.operations.cancel", {"name": operation["name"]})
            raise

    async def _await_deployment_of_others(self, endpoint: Json, model: str) -> Json:
        """The endpoint after a deployment that another process started, if any, is done."""
        operation = await unfinished(self._context, endpoint["name"], "DeployModel")
        if operation is not None:
            if operation["name"] in self._timed_out:
                raise FailedPrecondition(
                    f"it is still being deployed by {operation['name']}, which was given up: what may bill can be "
                    "removed when that has ended",
                    field="name",
                )
            try:
                await finish(self._context, operation)
            except CloudError as error:
                _log.info("%s: %s", operation["name"], error)
        return await self.endpoints.get(model)

    async def _undeploy(self, endpoint: Json, target: Json) -> None:
        name = endpoint["name"]

        async def find_existing() -> Json:
            found = await self._send(f"{ENDPOINTS}.get", {"name": name})
            gone = all(other["id"] != target["id"] for other in found.get("deployedModels", ()))
            return {"done": True} if gone else await unfinished(self._context, name, "UndeployModel")

        body = {"deployedModelId": target["id"]}
        await finish(
            self._context,
            await self._send(f"{ENDPOINTS}.undeployModel", {"endpoint": name}, body, find_existing=find_existing),
        )

    async def _version(self, version: Registered, endpoint: Json) -> Version:
        name, key, message = version.spec.name, (version.spec.model, version.spec.name), ""
        state = VersionState.READY
        if deployed(endpoint, name) is None:
            if await self._is_deploying(key, endpoint):
                state = VersionState.CREATING
            elif (
                key in self._failed or deployed(endpoint := await self.endpoints.get(version.spec.model), name) is None
            ):
                state = VersionState.FAILED
                message = (
                    self._failed.get(key) or version.failure or "It is not deployed: delete it and create it again."
                )
            # Else the deployment has ended since ``endpoint`` was read.
        return Version(version.spec, state, version.create_time, default_version(endpoint) == name, message)

    async def _is_deploying(self, key: tuple[str, str], endpoint: Json) -> bool:
        """By this process, or by another one."""
        if key in self._deploying:
            return True
        return key not in self._failed and bool(await unfinished(self._context, endpoint["name"], "DeployModel"))
