"""``gcloud ai endpoints``."""

import argparse
import json
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.commands import comma_dict, command, flag
from cloud.stand_ins.gcloud.invocation import Invocation, read_text
from cloud.stand_ins.gcloud.ml_predict import shown
from cloud.stand_ins.gcloud.vertex import REGION, Region, region_of

_ENDPOINT = flag("ENDPOINT")


@command(
    "ai endpoints create",
    REGION,
    flag("--display-name", required=True),
    flag("--description"),
    flag("--labels", type=comma_dict),
    flag("--endpoint-id"),
    shows="yaml",
)
def create(run: Invocation, flags: argparse.Namespace) -> Any:
    region = Region(run, flags.region)
    given = {"displayName": flags.display_name, "description": flags.description, "labels": flags.labels}
    body = {name: value for name, value in given.items() if value}
    path = region.path("endpoints") + (f"?endpointId={flags.endpoint_id}" if flags.endpoint_id else "")
    found = region.wait(region.call("POST", path, body))
    run.say(f"Created Vertex AI endpoint: {found['name']}.")
    return {"name": found["name"]} if flags.format else None


@command(
    "ai endpoints list",
    REGION,
    shows="table(name.basename():label=ENDPOINT_ID, displayName)",
    lists=True,
)
def list_endpoints(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    return Region(run, flags.region).list_all("endpoints")


@command("ai endpoints describe", _ENDPOINT, REGION)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    region = Region(run, region_of(flags, flags.ENDPOINT))
    return region.call("GET", region.path("endpoints", flags.ENDPOINT))


@command("ai endpoints delete", _ENDPOINT, REGION, shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    region = Region(run, region_of(flags, flags.ENDPOINT))
    run.confirm(f"This will delete endpoint [{flags.ENDPOINT}]...")
    region.wait(region.call("DELETE", region.path("endpoints", flags.ENDPOINT)))


@command(
    "ai endpoints deploy-model",
    _ENDPOINT,
    REGION,
    flag("--model", required=True),
    flag("--display-name", required=True),
    flag("--machine-type"),
    flag("--min-replica-count", type=int),
    flag("--max-replica-count", type=int),
    flag("--traffic-split", type=comma_dict),
    flag("--service-account"),
    flag("--deployed-model-id"),
    shows="none",
)
def deploy_model(run: Invocation, flags: argparse.Namespace) -> None:
    region = Region(run, region_of(flags, flags.ENDPOINT))
    model = region.path("models", flags.model).removeprefix("/v1/")
    machine = {"machineSpec": {"machineType": flags.machine_type or "n1-standard-2"}}
    counts = {"minReplicaCount": flags.min_replica_count or 1, "maxReplicaCount": flags.max_replica_count}
    deployed = {
        "model": model,
        "displayName": flags.display_name,
        "id": flags.deployed_model_id,
        "serviceAccount": flags.service_account,
        "dedicatedResources": machine | {name: count for name, count in counts.items() if count},
    }
    body: dict[str, Any] = {"deployedModel": {name: value for name, value in deployed.items() if value}}
    if flags.traffic_split:
        body["trafficSplit"] = {name: int(share) for name, share in flags.traffic_split.items()}
    found = region.wait(region.call("POST", f"{region.path('endpoints', flags.ENDPOINT)}:deployModel", body))
    number = found["deployedModel"]["id"]
    run.say(f"Deployed a model to the endpoint {flags.ENDPOINT}. Id of the deployed model: {number}.")


@command(
    "ai endpoints undeploy-model",
    _ENDPOINT,
    REGION,
    flag("--deployed-model-id", required=True),
    shows="none",
)
def undeploy_model(run: Invocation, flags: argparse.Namespace) -> None:
    region = Region(run, region_of(flags, flags.ENDPOINT))
    body = {"deployedModelId": flags.deployed_model_id}
    region.wait(region.call("POST", f"{region.path('endpoints', flags.ENDPOINT)}:undeployModel", body))


@command("ai endpoints predict", _ENDPOINT, REGION, flag("--json-request", required=True))
def predict(run: Invocation, flags: argparse.Namespace) -> Any:
    try:
        body = json.loads(read_text(flags.json_request))
    except ValueError as error:
        raise Failure(f"[{flags.json_request}] is no JSON: {error}") from None
    region = Region(run, region_of(flags, flags.ENDPOINT))
    found = region.call("POST", f"{region.path('endpoints', flags.ENDPOINT)}:predict", body)
    run.text = shown(found, found.get("predictions"))
    return found
