"""What the handlers of Artifact Registry share: the project, its repositories and operations."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.emulator.rest.call import Call
from cloud.emulator.rest.operations import EMPTY, Operation, Operations
from cloud.engine.registry.contents import Contents
from cloud.engine.registry.registry import Registry
from cloud.engine.registry.repositories import Repository
from cloud.resources import Json

_TYPE = "type.googleapis.com/google.devtools.artifactregistry.v1."


@dataclass(slots=True)
class Project:
    registry: Registry
    operations: Operations
    contents: Contents = field(init=False)

    def __post_init__(self) -> None:
        self.contents = Contents(self.registry)

    @property
    def id(self) -> str:
        return self.registry.project

    def repository(self, call: Call) -> Repository:
        """The one that a request is about.

        Raises:
            NotFound: there is none.
        """
        return self.registry.repositories.get(call.ids[1], call.ids[2])

    def completed(self, location: str, kind: str = "", response: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """The JSON of an operation that has succeeded by the time of the response.

        Args:
            kind: the message of its response; empty for none.
        """
        metadata = {"@type": f"{_TYPE}OperationMetadata"}
        begun = self.operations.begin(f"locations/{location}/operations/{uuid.uuid4()}", 0, metadata)
        result = {"@type": f"{_TYPE}{kind}", **(response or {})} if kind else EMPTY
        return self.operation_json(self.operations.finish(begun.name, {}, response=result))

    def operation_json(self, operation: Operation) -> dict[str, Json]:
        """``google.longrunning.Operation``."""
        return operation.json(f"projects/{self.id}/{operation.name}", operation.metadata)
