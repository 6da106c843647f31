"""Vertex AI's endpoints and the models deployed there, and which of the workflow's models and versions they are.

A model of the workflow is an endpoint of that display name. A version is a version in the model registry, which its
``versionDescription`` describes, and a model deployed at the endpoint under the version's name. The default version is
the one that gets the endpoint's traffic.
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
from cloud.resources import Json, Model, VersionSpec

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
    """Of each signature."""
    aliases: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """What it was made with: a label in the registry is the whole model's."""
    failure: str = ""
    """Why it could not be deployed."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers at an endpoint."""

    default: str | None
    versions: Mapping[str, Registered]
    """By the ids under which they are deployed."""

    def by_name(self, name: str | None) -> Registered | None:
        return next((version for version in self.versions.values() if version.spec.name == name), None)


def description_of(
    spec: VersionSpec, outputs: Mapping[str, list[str]], labels: Mapping[str, str], failure: str = ""
) -> str:
    """What the registry is to remember of a version."""
    told = {
        "version": spec.name,
        "description": spec.description,
        "runtimeVersion": spec.runtime_version,
        "pythonVersion": spec.python_version,
        "outputs": outputs,
        "labels": dict(labels),
        "failure": failure,
    }
    return json.dumps({name: value for name, value in told.items() if value})


def registered(model: str, item: Json) -> Registered | None:
    """A version from the registry's ``Model``; None for one that ``description_of`` does not describe."""
    try:
        told = json.loads(item.get("versionDescription", ""))
        name = told["version"]
    except (ValueError, KeyError, TypeError):
        return None
    spec = VersionSpec(
        model=model,
        name=name,
        deployment_uri=GsUri.parse(item["artifactUri"]),
        runtime_version=told.get("runtimeVersion"),
        python_version=told.get("pythonVersion"),
        description=told.get("description", ""),
    )
    bare = item["name"].partition("@")[0]
    created = datetime.fromisoformat(item.get("versionCreateTime") or item["createTime"])
    return Registered(
        name=f"{bare}@{item['versionId']}",
        spec=spec,
        create_time=created,
        outputs=told.get("outputs", {}),
        aliases=tuple(item.get("versionAliases", ())),
        labels=told.get("labels", {}),
        failure=told.get("failure", ""),
    )


def deployed(endpoint: Json, version: str) -> Json:
    """The ``DeployedModel`` that is ``version``; None without."""
    return next((one for one in endpoint.get("deployedModels", ()) if one.get("displayName") == version), None)


def default_version(endpoint: Json) -> str | None:
    """Which version gets most of the traffic."""
    split = endpoint.get("trafficSplit", {})
    if not split:
        return None
    chosen = max(split, key=lambda one: int(split[one]))
    return next((one.get("displayName") for one in endpoint.get("deployedModels", ()) if one["id"] == chosen), None)


class Endpoints:
    """Endpoints by the names of the workflow's models."""

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
        AlreadyExists: somebody else made one of that name at the same moment, a little earlier.
        """
        labels = self._context.marked()
        body = {"displayName": model, "labels": labels} | ({"description": description} if description else {})
        operation = await self._send(
            f"{ENDPOINTS}.create", {"parent": self.parent}, body, find_existing=self._settled(model, labels)
        )
        name = (await finish(self._context, operation))["name"]
        # Display names are not unique: of two the older one stays, for everybody who looks.
        found = await self.list(model)
        if found and found[0]["name"] != name:
            await self._delete(name)
            raise AlreadyExists("A model with the same name already exists.", field="model.name")
        self._names[model] = name
        return found[0] if found else await self.get(model)

    async def find(self, model: str) -> Json:
        """The endpoint as it is now; None without."""
        try:
            return await self.get(model)
        except NotFound:
            return None

    async def get(self, model: str) -> Json:
        """Raises:
        NotFound: there is no such model.
        """
        name = await self.name(model)
        try:
            return await self._send(f"{ENDPOINTS}.get", {"name": name})
        except NotFound:
            # Somebody else deleted it, and may have made another of that name.
            del self._names[model]
            return await self._send(f"{ENDPOINTS}.get", {"name": await self.name(model)})

    async def list(self, model: str | None = None) -> "list[Json]":
        """Ours, oldest first; those of one display name, or all."""
        wanted = f"labels.{REQUEST_LABEL}:*" + (f' AND display_name="{model}"' if model else "")
        listed = await self._context.transport.pages(
            f"{ENDPOINTS}.list", {"parent": self.parent, "filter": wanted}, "endpoints"
        )
        return sorted(listed, key=lambda item: (item["createTime"], item["name"]))

    async def name(self, model: str) -> str:
        """Raises:
        NotFound: there is no such model.
        """
        if model not in self._names:
            found = await self.list(model)
            if not found:
                raise self._missing(model)
            self._names[model] = found[0]["name"]
        return self._names[model]

    async def delete(self, model: str) -> None:
        """With all of that name: of two that were made at one moment a crash may have left both.

        Raises:
            NotFound: there is no such model.
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

    def _settled(self, model: str, labels: Mapping[str, str]) -> FindExisting:
        async def look() -> Json:
            for endpoint in await self.list(model):
                if endpoint["labels"][REQUEST_LABEL] == labels[REQUEST_LABEL]:
                    return {"name": endpoint["name"], "done": True, "response": endpoint}
            return None

        return look
