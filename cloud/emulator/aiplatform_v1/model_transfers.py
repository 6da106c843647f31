"""``aiplatform.projects.locations.models.copy`` and ``.export``."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from cloud.emulator.aiplatform_v1.artifacts import EXPORT_FORMAT
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.project import Project, typed
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.operations import rpc_status
from cloud.errors import CloudError, InvalidArgument
from cloud.folders import temporary
from cloud.names import GsUri
from cloud.resources import Json


class ModelTransfers:
    def __init__(self, project: Project, models: ModelMethods) -> None:
        self._project, self._models = project, models

    async def copy(self, call: Call) -> Json:
        """A version of a model, of any location, as a new model here, or as a version of one."""
        body, project = call.body, self._project
        source = self._models.find(project.own_name(body.get("sourceModel", ""), "models", "source_model"))
        parent = body.get("parentModel")
        if parent is not None and body.get("modelId") is not None:
            raise InvalidArgument("Give model_id for a new model, or parent_model, not both.", field="model_id")
        if parent is not None:
            parent = project.own_name(parent.partition("@")[0], "models", "parent_model")
        given = self._models.described(source)
        given.pop("trainingPipeline", None)  # it made the source alone
        made = await self._models.add(call.ids[1], given, model_id=body.get("modelId"), parent=parent)
        name, _, number = made.name.partition("@")
        answer = {"model": project.full_name(name), "modelVersionId": number}
        return project.completed(name, "CopyModel", typed("CopyModelResponse", answer))

    async def export(self, call: Call) -> Json:
        """Copies a version's artifacts into a new folder of the bucket."""
        version, project = self._models.find(call.below_project), self._project
        folder = _destination(call.body.get("outputConfig", {}), self._models.display_name(version))
        name = version.name.partition("@")[0]
        operation = project.begin(name, "ExportModel", outputInfo={"artifactOutputUri": str(folder)})
        try:
            await self._copy_objects(GsUri.parse(version.fields["artifactUri"]).as_folder(), folder)
        except CloudError as error:
            return project.finish(operation, error=rpc_status(error))
        return project.finish(operation, response=typed("ExportModelResponse", {}))

    async def _copy_objects(self, source: GsUri, destination: GsUri) -> None:
        folder = await asyncio.to_thread(temporary.create, temporary.Kind.EXPORT)
        try:
            await self._project.backend.download(source, folder)
            await self._project.backend.upload(folder, destination)
        finally:
            await asyncio.to_thread(temporary.remove, folder)


def _destination(config: Mapping[str, Json], display_name: str) -> GsUri:
    """The folder that an export makes: its name is of the discovery document.

    Raises:
        InvalidArgument: the ``OutputConfig`` is wrong, or requests what is not emulated.
    """
    wanted = config.get("exportFormatId", EXPORT_FORMAT)
    if wanted != EXPORT_FORMAT:
        raise InvalidArgument(
            f"The model can be exported as {EXPORT_FORMAT!r} only, not {wanted[:60]!r}.",
            field="output_config.export_format_id",
        )
    if "imageDestination" in config:
        raise InvalidArgument("There are no images here.", field="output_config.image_destination")
    prefix = config.get("artifactDestination", {}).get("outputUriPrefix", "")
    field = "output_config.artifact_destination.output_uri_prefix"
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (GsUri.parse(prefix, field) / f"model-export-{display_name}-{moment}").as_folder()
