"""``gcloud ai models``."""

import argparse
from typing import Any

from cloud.stand_ins.gcloud.commands import comma_dict, comma_list, command, flag
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.gcloud.vertex import REGION, Region, region_of

_MODEL = flag("MODEL")


@command(
    "ai models upload",
    REGION,
    flag("--display-name", required=True),
    flag("--container-image-uri", required=True),
    flag("--artifact-uri"),
    flag("--description"),
    flag("--model-id"),
    flag("--labels", type=comma_dict),
    flag("--container-ports", type=comma_list),
    flag("--container-predict-route"),
    flag("--container-health-route"),
    shows="yaml",
)
def upload(run: Invocation, flags: argparse.Namespace) -> Any:
    region = Region(run, flags.region)
    container: dict[str, Any] = {
        "imageUri": flags.container_image_uri,
        "predictRoute": flags.container_predict_route,
        "healthRoute": flags.container_health_route,
        "ports": [{"containerPort": int(port)} for port in flags.container_ports or ()],
    }
    model: dict[str, Any] = {
        "displayName": flags.display_name,
        "description": flags.description,
        "labels": flags.labels,
        "artifactUri": flags.artifact_uri,
        "containerSpec": {name: value for name, value in container.items() if value},
    }
    body: dict[str, Any] = {"model": {name: value for name, value in model.items() if value}}
    if flags.model_id:
        body["modelId"] = flags.model_id
    found = region.wait(region.call("POST", f"{region.path('models')}:upload", body))
    return found if flags.format else None


@command("ai models list", REGION, shows="table(name.basename():label=MODEL_ID, displayName)", lists=True)
def list_models(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    return Region(run, flags.region).list_all("models")


@command("ai models describe", _MODEL, REGION)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    region = Region(run, region_of(flags, flags.MODEL))
    return region.call("GET", region.path("models", flags.MODEL))


@command("ai models delete", _MODEL, REGION, shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    region = Region(run, region_of(flags, flags.MODEL))
    region.wait(region.call("DELETE", region.path("models", flags.MODEL)))
