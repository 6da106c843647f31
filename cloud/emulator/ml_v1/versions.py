"""``ml.projects.models.versions.*``, and the tasks that finish their operations."""

from collections.abc import Mapping
from contextlib import suppress

from cloud.emulator.ml_v1 import messages
from cloud.emulator.ml_v1.project import Project, check_new_id, is_regional
from cloud.emulator.ml_v1.tables import REGIONAL_SERVING_MACHINES
from cloud.emulator.ml_v1.version_checks import check_version
from cloud.emulator.rest.call import Call, check_etag, masked
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.lists import list_page, of_items
from cloud.emulator.rest.operation_tasks import Following
from cloud.emulator.rest.operations import CANCELLED, Operation, rpc_status
from cloud.emulator.rest.records import Record
from cloud.errors import AlreadyExists, CloudError, FailedPrecondition, InvalidArgument
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Framework, Json, Version
from cloud.wire.ml_v1 import version_spec
from cloud.wire.model_files import find_framework

_UNSPECIFIED = "FRAMEWORK_UNSPECIFIED"
_UPDATED = frozenset({"description", "requestLoggingConfig", "autoScaling.minNodes", "autoScaling.maxNodes"})
_UPDATED_ON_N1 = frozenset({"labels", "manualScaling.nodes"})
"""What a patch may change: discovery document ``ml.v1``, there of labels at ``Version.labels``, and what the Cloud SDK
sends (``gcloud ai-platform versions update``)."""


class VersionMethods:
    def __init__(self, project: Project) -> None:
        self._project = project
        self._backend, self._records = project.backend, project.records
        self._following = Following()

    def start(self) -> None:
        """Resume the operations that an earlier process left unfinished."""
        for operation in self._project.operations.unfinished():
            self._follow(operation)

    async def close(self) -> None:
        """Unfinished operations are resumed by the next start."""
        await self._following.close()

    async def create(self, call: Call) -> Json:
        model, body = call.ids[1], await self._with_framework(call.body)
        check_new_id(body.get("name", ""), "version.name")
        check_labels(body.get("labels", {}), "version.labels")
        machine = check_version(
            body,
            project=self._project.id,
            on_regional_endpoint=is_regional(call.host),
            abilities=self._backend.abilities,
        )
        await self._backend.get_model(model)
        spec = version_spec(model, {**body, "machineType": machine})
        fields = messages.recorded(body, messages.VERSION_FIELDS) | {"machineType": machine}
        try:
            version, _ = await self._project.intents.make(
                f"models/{model}/versions/{spec.name}", fields, lambda: self._backend.create_version(spec)
            )
        except AlreadyExists:
            raise AlreadyExists("A version with the same name already exists.", field="version.name") from None
        # As the service answered: the version in it has neither ``state`` nor ``isDefault``.
        shown = {key: value for key, value in self.json(version).items() if key not in ("state", "isDefault")}
        stem = f"create_{model}_{version.name}"
        operation = self._project.begin(stem, "CREATE_VERSION", model, version=shown)
        self._follow(operation)
        return messages.operation_json(self._project.id, operation)

    async def _with_framework(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """A version without a framework gets that of the model's files (discovery document ``ml.v1``)."""
        if body.get("framework", _UNSPECIFIED) != _UNSPECIFIED or "deploymentUri" not in body:
            return body
        body = {name: value for name, value in body.items() if name != "framework"}
        folder = GsUri.parse(body["deploymentUri"], "version.deployment_uri").as_folder()
        try:
            stored = await self._backend.list_objects(folder)
        except CloudError:  # which is reported when its files are copied
            return body
        framework = find_framework({one.uri.path.removeprefix(folder.path) for one in stored})
        return body if framework is Framework.TENSORFLOW else {**body, "framework": framework.value}

    async def get(self, call: Call) -> Json:
        return self.json(await self._backend.get_version(*call.ids[1:]))

    async def list(self, call: Call) -> Json:
        versions = of_items(await self._backend.list_versions(call.ids[1]), lambda version: version.name, self.json)
        return await list_page(call, "versions", versions)

    async def patch(self, call: Call) -> Json:
        mask = call.mask(*_UPDATED, *_UPDATED_ON_N1)
        version = await self._backend.get_version(*call.ids[1:])
        _check_settled(version, "updated")
        record = self.record(version)
        check_etag(call.body.get("etag"), record.etag)
        special = ", ".join(sorted(mask & _UPDATED_ON_N1))
        if special and messages.machine_type(record) not in REGIONAL_SERVING_MACHINES:
            raise InvalidArgument(
                f"{special} can be updated on a Compute Engine (N1) machine type only.", field="update_mask"
            )
        check_labels(call.body.get("labels", {}), "version.labels")
        self._records.change(record, masked(record.fields, mask, call.body))
        answer = self.json(version)
        stem, response = f"update_{version.model}_{version.name}", messages.typed("Version", answer)
        return self._project.completed(stem, "UPDATE_VERSION", version.model, response, version=answer)

    async def delete(self, call: Call) -> Json:
        _, model, name = call.ids
        version = await self._backend.get_version(model, name)
        _check_settled(version, "deleted")
        shown = self.json(version)
        await self._backend.delete_version(model, name)
        self._records.remove(f"models/{model}/versions/{name}")
        return self._project.completed(f"delete_{model}_{name}", "DELETE_VERSION", model, version=shown)

    async def set_default(self, call: Call) -> Json:
        return self.json(await self._backend.set_default_version(*call.ids[1:]))

    def record(self, version: Version) -> Record:
        return self._records.of(f"models/{version.model}/versions/{version.name}", version.create_time)

    def json(self, version: Version) -> dict[str, Json]:
        return messages.version_json(self._project.id, version, self.record(version))

    # ---------------------------------------------------------------- unfinished operations

    def _follow(self, operation: Operation) -> None:
        self._following.follow(
            operation.name,
            lambda: self._see_through(operation),
            lambda status: self._project.finish(operation, error=status),
        )

    async def _see_through(self, operation: Operation) -> None:
        _, model, version_id = operation.metadata["version"]["name"].split("/")[1::2]
        version = await self._backend.wait_for_version(model, version_id)
        operation = self._project.operations.get(operation.name)
        if operation.metadata.get("isCancellationRequested") and await self._undo(version):
            status = {"code": CANCELLED, "message": "The operation was cancelled."}
            self._project.finish(operation, error=status)
        elif version.state is VersionState.FAILED:
            self._project.finish(operation, error=rpc_status(FailedPrecondition(version.error_message)))
        else:
            self._project.finish(operation, response=messages.typed("Version", self.json(version)))

    async def _undo(self, version: Version) -> bool:
        """Delete a version whose making was cancelled; False if it must stay, as the default beside others must."""
        with suppress(FailedPrecondition):
            await self._backend.delete_version(version.model, version.name)
            self._records.remove(f"models/{version.model}/versions/{version.name}")
            return True
        return False


def _check_settled(version: Version, what: str) -> None:
    """Raises:
    FailedPrecondition: it is being made, or deleted.
    """
    if version.state not in (VersionState.READY, VersionState.FAILED):
        raise FailedPrecondition(f"The version is {version.state.value}: it cannot be {what} now.", field="name")
