"""``ml.projects.models.*`` without versions."""

from cloud.emulator.ml_v1 import messages
from cloud.emulator.ml_v1.project import Project, check_new_id
from cloud.emulator.ml_v1.tables import DEFAULT_REGION, REGIONS
from cloud.emulator.ml_v1.versions import VersionMethods
from cloud.emulator.rest.call import Call, check_etag, masked
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.lists import list_page, of_items
from cloud.emulator.rest.records import Record
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.resources import Json, Model


class ModelMethods:
    def __init__(self, project: Project, versions: VersionMethods) -> None:
        self._project, self._versions = project, versions
        self._backend, self._records = project.backend, project.records

    async def create(self, call: Call) -> Json:
        body = call.body
        check_new_id(body.get("name", ""), "model.name")
        check_labels(body.get("labels", {}), "model.labels")
        regions = body.get("regions", [DEFAULT_REGION])
        if len(regions) != 1 or regions[0] not in REGIONS:
            raise InvalidArgument(
                f"Exactly one of the regions {', '.join(REGIONS)}, not {str(regions)[:100]}.", field="model.regions"
            )
        name, fields = body["name"], messages.recorded(body, messages.MODEL_FIELDS) | {"regions": regions}
        try:
            model, record = await self._project.intents.make(
                f"models/{name}",
                fields,
                lambda: self._backend.create_model(name, description=body.get("description", "")),
            )
        except AlreadyExists:
            raise AlreadyExists("A model with the same name already exists.", field="model.name") from None
        return messages.model_json(self._project.id, model, record, None)

    async def get(self, call: Call) -> Json:
        return await self._json(await self._backend.get_model(call.ids[1]))

    async def list(self, call: Call) -> Json:
        models = of_items(await self._backend.list_models(), lambda model: model.name, self._json)
        return await list_page(call, "models", models)

    async def patch(self, call: Call) -> Json:
        # "Not updatable for mls1* models", says the discovery document; gcloud updates those of any model.
        mask = call.mask("description", "defaultVersion.name", "labels")
        check_labels(call.body.get("labels", {}), "model.labels")
        model = await self._backend.get_model(call.ids[1])
        check_etag(call.body.get("etag"), self.record(model).etag)
        if "defaultVersion.name" in mask:
            # Both forms are sent: the bare id and the full name.
            version = call.body.get("defaultVersion", {}).get("name", "").rpartition("/")[2]
            await self._backend.set_default_version(model.name, version)
            model = await self._backend.get_model(model.name)
        record = self.record(model)
        fields = masked(record.fields, mask - {"defaultVersion.name"}, call.body)
        self._records.change(record, {"regions": [model.region]} | fields)
        answer = await self._json(model)
        stem, response = f"update_model_{model.name}", messages.typed("Model", answer)
        return self._project.completed(stem, "UPDATE_MODEL", model.name, response)

    async def delete(self, call: Call) -> Json:
        name = call.ids[1]
        try:
            await self._backend.delete_model(name)
        except FailedPrecondition:
            raise FailedPrecondition(
                "A model with versions cannot be deleted. Please delete the versions first.", field="name"
            ) from None
        self._records.remove(f"models/{name}")
        return self._project.completed(f"delete_model_{name}", "DELETE_MODEL", name)

    def record(self, model: Model) -> Record:
        return self._records.of(f"models/{model.name}", model.create_time)

    async def _json(self, model: Model) -> dict[str, Json]:
        default = None
        if model.default_version is not None:
            try:
                default = self._versions.json(await self._backend.get_version(model.name, model.default_version))
            except NotFound:  # deleted this moment
                default = None
        return messages.model_json(self._project.id, model, self.record(model), default)
