"""``deployModel``, ``undeployModel`` and ``mutateDeployedModel``.

Rules: descriptions in the discovery document ``aiplatform.v1``. A deployment is an operation that takes as long as the
model takes to load; meanwhile the endpoint's record holds the future deployed model, so that a restart resumes it.
"""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from cloud.emulator.aiplatform_v1 import messages
from cloud.emulator.aiplatform_v1.artifacts import framework, serving_stack
from cloud.emulator.aiplatform_v1.endpoints import (
    backend_model,
    backend_version,
    checked_split,
    find_endpoint,
    remove_version,
)
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.project import Project, typed
from cloud.emulator.aiplatform_v1.quotas import check_accelerators
from cloud.emulator.aiplatform_v1.tables import SERVING_MACHINES
from cloud.emulator.rest.call import Call, masked, read_mask
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.operations import Operation
from cloud.emulator.rest.records import Record
from cloud.emulator.rest.scalars import timestamp
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Json, Version, VersionSpec

_FIELDS = (
    "displayName",
    "dedicatedResources",
    "serviceAccount",
    "enableAccessLogging",
    "disableContainerLogging",
    "disableExplanations",
    "explanationSpec",
)
_ID = re.compile(r"[1-9][0-9]{0,9}")
_THIS = "0"
"""Key of the model that is being deployed, in the traffic split of ``deployModel``."""
_NEVER_READY = (
    "Model server never became ready. Please validate that your model file or container configuration are valid."
)


class DeploymentMethods:
    def __init__(self, project: Project, models: ModelMethods) -> None:
        self._project, self._models = project, models
        self._backend, self._records = project.backend, project.records

    def start(self) -> None:
        """Resume the deployments that an earlier process left unfinished."""
        for operation in self._project.operations.unfinished():
            self._follow(operation)

    async def deploy(self, call: Call) -> Json:
        given = call.body.get("deployedModel", {})
        account = given.get("serviceAccount", "")
        await self._project.run_as.check(call.principal, account, "deployed_model.service_account")
        async with self._project.locks.of(call.below_project):  # until it is recorded, not until the model is loaded
            endpoint = await find_endpoint(self._project, call.below_project)
            model = self._project.own_name(given.get("model", ""), "models", "deployed_model.model")
            self._check(given)
            version = self._models.find(model)
            deployed = self._describe(endpoint, given, version)
            number = deployed["id"]
            split = {number if key == _THIS else key: share for key, share in call.body.get("trafficSplit", {}).items()}
            ids = {other["id"] for other in endpoint.fields["deployedModels"]} | {number}
            deployed["split"] = checked_split(split, ids, "traffic_split")
            operation = self._project.begin(endpoint.name, "DeployModel")
            waiting = endpoint.fields["deploying"] | {operation.name: deployed}
            try:
                self._records.change(endpoint, {**endpoint.fields, "deploying": waiting})
            except sqlite3.OperationalError:  # the disk is full
                self._follow(operation)  # ends it with an error
                raise
        await make_noted(
            lambda: self._create_version(endpoint, number, version),
            undo=lambda: self._withdraw(operation),
            settle=lambda: self._follow(operation),
        )
        self._follow(operation)
        return self._project.operation_json(operation)

    def _describe(self, endpoint: Record, given: Mapping[str, Json], version: Record) -> dict[str, Json]:
        """The new deployed model, as the endpoint's record has it."""
        number = given.get("id", str(self._project.new_id()))
        if "id" in given and (not _ID.fullmatch(number) or number in _ids(endpoint)):
            raise InvalidArgument(
                f"An id is 1 to 10 digits that no other DeployedModel of the Endpoint has: {number[:60]!r}.",
                field="deployed_model.id",
            )
        return {
            "id": number,
            "displayName": self._models.display_name(version),
            **{name: given[name] for name in _FIELDS if name in given},
            "version": version.name,
        }

    async def undeploy(self, call: Call) -> Json:
        endpoint = await find_endpoint(self._project, call.below_project)
        number = call.body.get("deployedModelId", "")
        deployed = _deployed(endpoint, number)
        others = [other for other in endpoint.fields["deployedModels"] if other is not deployed]
        split = endpoint.fields["trafficSplit"]
        if "trafficSplit" in call.body:
            split = checked_split(call.body["trafficSplit"], _ids(endpoint), "traffic_split")
        if others and split.get(number):
            raise FailedPrecondition(
                f"The DeployedModel {number} gets {split[number]} % of the traffic: give a traffic split without it.",
                field="deployed_model_id",
            )
        with suppress(NotFound):  # already deleted in the backend: only the record is left
            await remove_version(self._backend, backend_model(endpoint.name), backend_version(number))
        endpoint = self._records.get(endpoint.name)
        kept = [other for other in endpoint.fields["deployedModels"] if other["id"] != number]
        self._records.change(
            endpoint, {**endpoint.fields, "deployedModels": kept, "trafficSplit": split if kept else {}}
        )
        return self._project.completed(endpoint.name, "UndeployModel", typed("UndeployModelResponse", {}))

    async def mutate(self, call: Call) -> Json:
        given = call.body.get("deployedModel", {})
        paths = {
            "dedicatedResources.minReplicaCount",
            "dedicatedResources.maxReplicaCount",
            "dedicatedResources.autoscalingMetricSpecs",
            "disableContainerLogging",
        }
        mask = read_mask(call.body.get("updateMask", ""), *paths)
        endpoint = await find_endpoint(self._project, call.below_project)
        deployed = masked(_deployed(endpoint, given.get("id", "")), mask, given)
        self._check(deployed)
        listed = [deployed if one["id"] == deployed["id"] else one for one in endpoint.fields["deployedModels"]]
        self._records.change(endpoint, {**endpoint.fields, "deployedModels": listed})
        answer = {"deployedModel": messages.deployed_json(self._project, deployed)}
        response = typed("MutateDeployedModelResponse", answer)
        return self._project.completed(endpoint.name, "MutateDeployedModel", response)

    def _check(self, given: Mapping[str, Json]) -> None:
        resources = given.get("dedicatedResources")
        if resources is None:
            raise InvalidArgument(
                "The machines of the deployment are required: only dedicated resources are offered for such a Model.",
                field="deployed_model.dedicated_resources",
            )
        place = "deployed_model.dedicated_resources"
        fewest, most = resources.get("minReplicaCount", 0), resources.get("maxReplicaCount")
        if fewest < 1 or (most is not None and most < fewest):
            raise InvalidArgument(
                f"There is at least 1 replica, and the maximum is no smaller than that: {fewest}, {most}.",
                field=f"{place}.min_replica_count",
            )
        machine = resources.get("machineSpec", {})
        name = machine.get("machineType", "n1-standard-2")
        if name not in SERVING_MACHINES:
            raise InvalidArgument(
                f"Machine type {name[:60]} is not supported.", field=f"{place}.machine_spec.machine_type"
            )
        check_accelerators("Serving", [machine], abilities=self._backend.abilities, field=f"{place}.machine_spec")

    async def _create_version(self, endpoint: Record, number: str, version: Record) -> Version:
        container = version.fields["containerSpec"]
        return await self._backend.create_version(
            VersionSpec(
                model=backend_model(endpoint.name),
                name=backend_version(number),
                deployment_uri=GsUri.parse(version.fields["artifactUri"], "model.artifact_uri"),
                description=version.name,
                serving_stack=serving_stack(container),
                framework=framework(container),
                image=container["imageUri"],
            )
        )

    # ---------------------------------------------------------------- unfinished operations

    def _follow(self, operation: Operation) -> None:
        self._project.following.follow(
            operation.name, lambda: self._see_through(operation), lambda status: self._fail(operation, status)
        )

    async def _see_through(self, operation: Operation) -> None:
        name = operation.name.partition("/operations/")[0]
        number = self._deploying(name, operation)["id"]
        model, version = backend_model(name), backend_version(number)
        found = await self._backend.wait_for_version(model, version)
        if found.state is not VersionState.READY:
            await remove_version(self._backend, model, version)
            raise FailedPrecondition(f"{_NEVER_READY} {found.error_message}".rstrip())
        async with self._project.locks.of(name):
            deployed = self._begin_to_serve(name, operation, timestamp(found.create_time))
        answer = {"deployedModel": messages.deployed_json(self._project, deployed)}
        self._project.finish(operation, response=typed("DeployModelResponse", answer))

    def _begin_to_serve(self, name: str, operation: Operation, create_time: str) -> Mapping[str, Json]:
        endpoint, deployed = self._records.get(name), dict(self._deploying(name, operation))
        if "operation" in deployed:  # it serves already: only the operation's end could not be written
            return deployed
        waiting = {other: one for other, one in endpoint.fields["deploying"].items() if other != operation.name}
        split = deployed.pop("split")
        deployed |= {"createTime": create_time, "operation": operation.name}
        fields = {**endpoint.fields, "deploying": waiting}
        fields["deployedModels"] = [*endpoint.fields["deployedModels"], deployed]
        # The deployed models may have changed since the request.
        if split and set(split) <= {one["id"] for one in fields["deployedModels"]}:
            fields["trafficSplit"] = split
        self._records.change(endpoint, fields)
        return deployed

    def _deploying(self, name: str, operation: Operation) -> Mapping[str, Json]:
        """Raises:
        NotFound: the endpoint's record does not have it.
        """
        fields = self._records.get(name).fields
        for deployed in fields["deployedModels"]:
            if deployed.get("operation") == operation.name:
                return cast("Mapping[str, Json]", deployed)
        if operation.name not in fields["deploying"]:
            raise NotFound("There is no such deployment in the Endpoint.", field="name")
        return cast("Mapping[str, Json]", fields["deploying"][operation.name])

    def _fail(self, operation: Operation, status: Json) -> None:
        self._forget(operation)
        self._project.finish(operation, error=status)

    def _withdraw(self, operation: Operation) -> None:
        self._forget(operation)
        self._project.operations.remove(operation.name)

    def _forget(self, operation: Operation) -> None:
        with suppress(NotFound):  # the endpoint was deleted
            endpoint = self._records.get(operation.name.partition("/operations/")[0])
            waiting = {name: one for name, one in endpoint.fields["deploying"].items() if name != operation.name}
            self._records.change(endpoint, {**endpoint.fields, "deploying": waiting})


def _deployed(endpoint: Record, number: str) -> Mapping[str, Json]:
    for deployed in endpoint.fields["deployedModels"]:
        if deployed["id"] == number:
            return cast("Mapping[str, Json]", deployed)
    raise NotFound(f"There is no DeployedModel {number[:60]!r} in the Endpoint.", field="deployed_model_id")


def _ids(endpoint: Record) -> set[str]:
    both = (*endpoint.fields["deployedModels"], *endpoint.fields["deploying"].values())
    return {deployed["id"] for deployed in both}
