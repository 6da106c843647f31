"""``aiplatform.projects.locations.endpoints.*`` without deployments and predictions.

An endpoint is a model of the backend, and a deployed model a version of it. The split of traffic is kept here.
"""

import re
from collections.abc import Mapping
from contextlib import suppress

from cloud.backends.base import Backend
from cloud.emulator.aiplatform_v1 import messages
from cloud.emulator.aiplatform_v1.collection import Collection
from cloud.emulator.aiplatform_v1.project import Project, check_described, typed
from cloud.emulator.rest.call import Call, check_etag, masked
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.lists import Item
from cloud.emulator.rest.records import Record
from cloud.emulator.rest.schemas import snake
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.resources import Json

_FIELDS = ("displayName", "description", "labels", "encryptionSpec", "predictRequestResponseLoggingConfig")
_NOT_DONE = {
    "network": "There is no network to peer with here.",
    "privateServiceConnectConfig": "There is no network to connect to here.",
    "enablePrivateServiceConnect": "There is no network to connect to here.",
    "dedicatedEndpointEnabled": "There are no dedicated hosts here: leave it out, and ask the shared one.",
    "gdcConfig": "There is no Distributed Cloud here.",
}
_ID = re.compile(r"[1-9][0-9]{0,9}|[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


class EndpointMethods(Collection):
    NAME = "endpoints"

    async def create(self, call: Call) -> Json:
        body = call.body
        check_described(body, "endpoint")
        for name, why in _NOT_DONE.items():
            if name in body:
                raise InvalidArgument(why, field=f"endpoint.{snake(name)}")
        given = call.query.get("endpointId")
        if given and not _ID.fullmatch(given):
            raise InvalidArgument(
                "An id is 1 to 10 digits, or up to 63 of the characters [a-z0-9-] after a letter, and does not end "
                f"with a hyphen: {given[:100]!r}.",
                field="endpoint_id",
            )
        name = f"locations/{call.ids[1]}/endpoints/{given or self._project.new_id()}"
        async with self._project.locks.of(name):
            endpoint = await self._create(name, {key: body[key] for key in _FIELDS if key in body})
        return self._project.completed(name, "CreateEndpoint", typed("Endpoint", self._json(endpoint)))

    async def _create(self, name: str, fields: Mapping[str, Json]) -> Record:
        with suppress(NotFound):
            await find_endpoint(self._project, name)
            raise AlreadyExists(f"The Endpoint already exists: {name!r}.", field="endpoint_id")
        self._records.remove(name)  # its endpoint was deleted in the backend
        endpoint = self._records.add(name, {**fields, "deployedModels": [], "trafficSplit": {}, "deploying": {}})
        await make_noted(
            lambda: self._backend.create_model(backend_model(name), description=str(fields["displayName"])),
            undo=lambda: self._records.remove(name),
        )
        return endpoint

    async def to_json(self, record: Record) -> Item:
        return self._json(await find_endpoint(self._project, record.name))

    async def list(self, call: Call) -> Json:
        existing = {model.name for model in await self._backend.list_models()}

        async def to_json(record: Record) -> Item:
            if backend_model(record.name) not in existing:
                raise NotFound(f"The Endpoint does not exist: {record.name!r}.", field="name")
            return self._json(record)

        return await self._list(call, f"{call.below_project}/endpoints", to_json)

    async def patch(self, call: Call) -> Json:
        mask = call.mask("displayName", "description", "labels", "trafficSplit", "predictRequestResponseLoggingConfig")
        body = call.body
        endpoint = await find_endpoint(self._project, call.below_project)
        check_etag(body.get("etag"), endpoint.etag)
        if "displayName" in mask:
            check_described(body, "endpoint")
        check_labels(body.get("labels", {}), "endpoint.labels")
        fields = masked(endpoint.fields, mask, body)
        if "trafficSplit" in mask:
            ids = {deployed["id"] for deployed in endpoint.fields["deployedModels"]}
            fields["trafficSplit"] = checked_split(body.get("trafficSplit", {}), ids, "endpoint.traffic_split")
        return self._json(self._records.change(endpoint, fields))

    async def check_deletable(self, record: Record) -> None:
        if record.fields["deployedModels"] or record.fields["deploying"]:
            raise FailedPrecondition(
                "Endpoint has deployed or being-deployed DeployedModel(s): undeploy them first.", field="name"
            )
        with suppress(NotFound):  # already deleted in the backend: only the record is left
            await self._backend.delete_model(backend_model(record.name))

    def _json(self, endpoint: Record) -> dict[str, Json]:
        return messages.endpoint_json(self._project, endpoint)


async def find_endpoint(project: Project, name: str) -> Record:
    """The record of the endpoint ``name``, below the project.

    Raises:
        NotFound: there is none, here or in the backend.
    """
    project.records.get(name)
    try:
        await project.backend.get_model(backend_model(name))
    except NotFound:
        raise NotFound(f"The Endpoint does not exist: {name[:300]!r}.", field="name") from None
    return project.records.get(name)


def backend_model(name: str) -> str:
    """The backend's name of an endpoint."""
    _, location, _, number = name.split("/")
    return f"endpoint_{location}_{number}".replace("-", "_")


def backend_version(deployed_model_id: str) -> str:
    """The backend's name of a deployed model."""
    return f"deployed_{deployed_model_id}"


async def remove_version(backend: Backend, model: str, version: str) -> None:
    """Delete a version of the backend's, also if it is the default one among others."""
    found = await backend.get_version(model, version)
    if found.is_default:
        for other in await backend.list_versions(model):
            if other.name != version:
                try:
                    await backend.set_default_version(model, other.name)
                except FailedPrecondition:
                    continue  # it is not READY; perhaps another one is
                break
    await backend.delete_version(model, version)


def checked_split(given: Mapping[str, int], ids: set[str], field: str) -> dict[str, int]:
    """A split of traffic between the deployed models of these ids.

    Raises:
        InvalidArgument: it names another one, or does not add up to 100; none at all is no traffic.
    """
    unknown = sorted(set(given) - ids)
    if unknown:
        raise InvalidArgument(f"There is no DeployedModel {unknown[0][:60]!r} in the Endpoint.", field=field)
    if any(share < 0 for share in given.values()) or sum(given.values()) not in ((100,) if given else (0,)):
        raise InvalidArgument(
            f"The shares of a traffic split are percentages that add up to 100, not {sum(given.values())}.",
            field=field,
        )
    return {key: share for key, share in given.items() if share}
