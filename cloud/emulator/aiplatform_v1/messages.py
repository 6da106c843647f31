"""Vertex AI's JSON of models and endpoints from what is recorded of them. Pure."""

from collections.abc import Mapping, Sequence

from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.rest.records import Record
from cloud.emulator.rest.scalars import timestamp
from cloud.resources import Json

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
        "deployedModels": list(deployed),
        "createTime": timestamp(model.create_time),
        "updateTime": timestamp(model.update_time),
        "versionCreateTime": timestamp(version.create_time),
        "versionUpdateTime": timestamp(version.update_time),
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
        "createTime": timestamp(endpoint.create_time),
        "updateTime": timestamp(endpoint.update_time),
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


def _shown(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if name not in _HIDDEN}
