"""Vertex AI's JSON of models and endpoints from what is recorded of them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cloud.emulator.aiplatform_v1.artifacts import EXPORT_FORMAT
from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.rest.records import Record
from cloud.emulator.rest.scalars import timestamp
from cloud.resources import Json
from cloud.wire.vertex_prediction import INPUT_FORMATS, OUTPUT_FORMATS

_HIDDEN = frozenset({"lastVersion", "operation", "deploying", "deployedModels", "trafficSplit", "version"})
"""Of a record's fields, those that are not shown, or otherwise."""


def model_json(project: Project, model: Record, version: Record, deployed: Sequence[Json]) -> dict[str, Json]:
    """``Model``, as of one version.

    Args:
        deployed: each ``DeployedModelRef``.
    """
    answer: dict[str, Json] = {
        "name": project.full_name(model.name),
        **_shown(model.fields),
        **_shown(version.fields),
        "versionId": version.name.rpartition("@")[2],
        # Without it the SDK leaves the machine out of what it sends.
        "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"],
        "supportedInputStorageFormats": list(INPUT_FORMATS),
        "supportedOutputStorageFormats": list(OUTPUT_FORMATS),
        "supportedExportFormats": [{"id": EXPORT_FORMAT, "exportableContents": ["ARTIFACT"]}],
        "deployedModels": list(deployed),
        **times(createTime=model.create_time, updateTime=model.update_time),
        **times(versionCreateTime=version.create_time, versionUpdateTime=version.update_time),
        "etag": model.etag,
    }
    return {name: value for name, value in answer.items() if value not in ([], {}, "")}


def endpoint_json(project: Project, endpoint: Record) -> dict[str, Json]:
    """``Endpoint``."""
    deployed = [deployed_json(project, one) for one in endpoint.fields["deployedModels"]]
    split = endpoint.fields["trafficSplit"]
    return {
        "name": project.full_name(endpoint.name),
        **_shown(endpoint.fields),
        **({"deployedModels": deployed} if deployed else {}),
        **({"trafficSplit": split} if split else {}),
        **times(createTime=endpoint.create_time, updateTime=endpoint.update_time),
        "etag": endpoint.etag,
    }


def deployed_json(project: Project, deployed: Mapping[str, Json]) -> dict[str, Json]:
    """``DeployedModel`` of what an endpoint's record keeps of it."""
    name, _, number = deployed["version"].partition("@")
    return {
        **_shown(deployed),
        "model": f"{project.full_name(name)}@{number}",
        "modelVersionId": number,
    }


def times(**moments: datetime | None) -> dict[str, Json]:
    """The timestamps that there are, by field."""
    return {name: timestamp(moment) for name, moment in moments.items() if moment is not None}


def _shown(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if name not in _HIDDEN}
