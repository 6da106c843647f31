"""Vertex AI's endpoints and deployed models, mapped to the workflow's models and versions.

A model of the workflow is an endpoint of that display name. A version is a version in the model registry, described by
its ``versionDescription``, and a deployed model of the version's name at the endpoint. The default version is the one
that gets the endpoint's traffic.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cloud.backends.google.operations import finish
from cloud.backends.google.service import REQUEST_LABEL, ServiceContext
from cloud.backends.google.transport import FindExisting
from cloud.errors import AlreadyExists, NotFound
from cloud.names import GsUri
from cloud.resources import Framework, Json, Model, ServingStack, VersionSpec

ENDPOINTS = "aiplatform.projects.locations.endpoints"
MODELS = "aiplatform.projects.locations.models"


@dataclass(frozen=True, slots=True)
class Registered:
    """A version in the model registry."""

    name: str
    """``projects/P/locations/L/models/ID@NUMBER``"""
    spec: VersionSpec
    create_time: datetime
    outputs: Mapping[str, list[str]] = field(default_factory=dict)
    """Output names by signature."""
    aliases: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those it was created with: labels in the registry belong to the whole model."""
    failure: str = ""
    """Why its deployment failed."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The versions deployed at an endpoint."""

    default: str | None
    versions: Mapping[str, Registered]
    """By id of the deployed model."""

    def by_name(self, name: str | None) -> Registered | None:
        return next((version for version in self.versions.values() if version.spec.name == name), None)


def description_of(
    spec: VersionSpec, outputs: Mapping[str, list[str]], labels: Mapping[str, str], failure: str = ""
) -> str:
    """The ``versionDescription`` of a version, JSON."""
    description = {
        "version": spec.name,
        "description": spec.description,
        "runtimeVersion": spec.runtime_version,
        "pythonVersion": spec.python_version,
        "framework": None if spec.framework is Framework.TENSORFLOW else spec.framework.value,
        "servingStack": None if spec.serving_stack is ServingStack.PREDICTION_LIBRARY else spec.serving_stack.value,
        "outputs": outputs,
        "labels": dict(labels),
        "failure": failure,
    }
    return json.dumps({name: value for name, value in description.items() if value})


def registered(model: str, item: Json) -> Registered | None:
    """The version of a ``Model`` in the registry; None if ``description_of`` did not write its description."""
    try:
        description = json.loads(item.get("versionDescription", ""))
        name = description["version"]
    except (ValueError, KeyError, TypeError):
        return None
    spec = VersionSpec(
        model=model,
        name=name,
        deployment_uri=GsUri.parse(item["artifactUri"]),
        runtime_version=description.get("runtimeVersion"),
        python_version=description.get("pythonVersion"),
        description=description.get("description", ""),
        framework=Framework(description.get("framework", Framework.TENSORFLOW)),
        serving_stack=ServingStack(description.get("servingStack", ServingStack.PREDICTION_LIBRARY)),
    )
    model_name = item["name"].partition("@")[0]
    created = datetime.fromisoformat(item.get("versionCreateTime") or item["createTime"])
    return Registered(
        name=f"{model_name}@{item['versionId']}",
        spec=spec,
        create_time=created,
        outputs=description.get("outputs", {}),
        aliases=tuple(item.get("versionAliases", ())),
        labels=description.get("labels", {}),
        failure=description.get("failure", ""),
    )


def deployed(endpoint: Json, version: str) -> Json:
    """The ``DeployedModel`` of ``version``; None if there is none."""
    return next((each for each in endpoint.get("deployedModels", ()) if each.get("displayName") == version), None)


def default_version(endpoint: Json) -> str | None:
    """The version that gets most of the traffic."""
    split = endpoint.get("trafficSplit", {})
    if not split:
        return None
    chosen = max(split, key=lambda id_: int(split[id_]))
    return next((each.get("displayName") for each in endpoint.get("deployedModels", ()) if each["id"] == chosen), None)


class Endpoints:
    """Endpoints by model name."""

    def __init__(self, context: ServiceContext) -> None:
        self._context, self._send = context, context.transport.send
        self.parent = f"projects/{context.project}/locations/{context.region}"
        self._names: dict[str, str] = {}

    def model(self, endpoint: Json) -> Model:
        return Model(
            name=endpoint["displayName"],
            region=self._context.region,
            create_time=datetime.fromisoformat(endpoint["createTime"]),
            description=endpoint.get("description", ""),
            default_version=default_version(endpoint),
        )

    async def create(self, model: str, description: str) -> Json:
        """Raises:
        AlreadyExists: another client created one of this name at the same time, slightly earlier.
        """
        labels = self._context.marked()
        body = {"displayName": model, "labels": labels} | ({"description": description} if description else {})
        operation = await self._send(
            f"{ENDPOINTS}.create", {"parent": self.parent}, body, find_existing=self._existing(model, labels)
        )
        name = (await finish(self._context, operation))["name"]
        # Display names are not unique: of two endpoints every client keeps the older one.
        found = await self.list(model)
        if found and found[0]["name"] != name:
            await self._delete(name)
            raise AlreadyExists("A model with the same name already exists.", field="model.name")
        self._names[model] = name
        return found[0] if found else await self.get(model)

    async def find(self, model: str) -> Json:
        """The current endpoint; None if there is none."""
        try:
            return await self.get(model)
        except NotFound:
            return None

    async def get(self, model: str) -> Json:
        """Raises:
        NotFound: no such model.
        """
        name = await self.name(model)
        try:
            return await self._send(f"{ENDPOINTS}.get", {"name": name})
        except NotFound:
            # Another client deleted it, and may have created another one of this name.
            del self._names[model]
            return await self._send(f"{ENDPOINTS}.get", {"name": await self.name(model)})

    async def list(self, model: str | None = None) -> "list[Json]":
        """Endpoints created by this backend, oldest first; those of one display name, or all."""
        wanted = f"labels.{REQUEST_LABEL}:*" + (f' AND display_name="{model}"' if model else "")
        listed = await self._context.transport.pages(
            f"{ENDPOINTS}.list", {"parent": self.parent, "filter": wanted}, "endpoints"
        )
        return sorted(listed, key=lambda item: (item["createTime"], item["name"]))

    async def name(self, model: str) -> str:
        """Raises:
        NotFound: no such model.
        """
        if model not in self._names:
            found = await self.list(model)
            if not found:
                raise self._missing(model)
            self._names[model] = found[0]["name"]
        return self._names[model]

    async def delete(self, model: str) -> None:
        """Delete all endpoints of this name: a crash may leave two that were created at the same time.

        Raises:
            NotFound: no such model.
        """
        found = await self.list(model)
        self._names.pop(model, None)
        if not found:
            raise self._missing(model)
        for endpoint in reversed(found):
            await self._delete(endpoint["name"])

    async def _delete(self, name: str) -> None:
        await finish(self._context, await self._send(f"{ENDPOINTS}.delete", {"name": name}))

    def _missing(self, model: str) -> NotFound:
        return NotFound(f"no model {model!r} in {self.parent}", field="name")

    def _existing(self, model: str, labels: Mapping[str, str]) -> FindExisting:
        async def look() -> Json:
            for endpoint in await self.list(model):
                if endpoint["labels"][REQUEST_LABEL] == labels[REQUEST_LABEL]:
                    return {"name": endpoint["name"], "done": True, "response": endpoint}
            return None

        return look
