"""What the handlers of Vertex AI's methods share."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cloud.backends.base import Backend
from cloud.emulator.aiplatform_v1.versions import begun_in_beta, in_its_version
from cloud.emulator.rest.container_images import Images
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.operation_tasks import Following
from cloud.emulator.rest.operations import EMPTY, Operation, Operations
from cloud.emulator.rest.records import Records
from cloud.emulator.rest.run_as import RunAs
from cloud.emulator.rest.scalars import timestamp
from cloud.engine.locks import Locks
from cloud.engine.notifier import Changes
from cloud.errors import InvalidArgument, PermissionDenied
from cloud.resources import Json

_TYPE = "type.googleapis.com/google.cloud.aiplatform.v1."
LONGEST_NAME = 128
"""Characters of a display name (discovery document ``aiplatform.v1``)."""


@dataclass(slots=True)
class Project:
    """What this API serves.

    Args:
        number: stands for the id in requests, and is in all names of responses.
    """

    id: str
    number: int
    backend: Backend
    records: Records
    operations: Operations
    run_as: RunAs
    images: Images
    locks: Locks
    """Of the resources of these records, by name."""
    following: Following = field(default_factory=Following)
    changes: Changes = field(default_factory=Changes)
    """Of operations."""
    _last_id: int = 0

    def new_id(self) -> int:
        """For a resource: 19 digits, as Google's have, and larger than any before."""
        self._last_id = max(time.time_ns(), self._last_id + 1)
        return self._last_id

    def full_name(self, name: str) -> str:
        return f"projects/{self.number}/{name}"

    def own_name(self, text: str, collection: str, field: str) -> str:
        """The name below the project that a request's ``field`` holds (``projects/P/locations/L/models/M``).

        Raises:
            InvalidArgument: it is no name of such a resource.
            PermissionDenied: another project's.
        """
        match = re.fullmatch(rf"projects/([^/]+)/(locations/[^/]+/{collection}/[^/]+)", text)
        if match is None:
            raise InvalidArgument(
                f"Must be of form projects/PROJECT/locations/LOCATION/{collection}/ID: {text[:300]!r}", field=field
            )
        if match[1] not in (self.id, str(self.number)):
            raise PermissionDenied(f"Permission denied on resource project {match[1][:100]}.")
        return match[2]

    # ---------------------------------------------------------------- operations

    def begin(self, resource: str, kind: str, **details: Json) -> Operation:
        """Record an operation of the type ``kind`` (``UploadModel``) on a resource.

        Args:
            details: fields of its metadata's own message.
        """
        moment = timestamp(datetime.now(UTC))
        generic = {"createTime": moment, "updateTime": moment}
        metadata = {"@type": f"{_TYPE}{kind}OperationMetadata", "genericMetadata": generic, **details}
        return self.operations.begin(f"{resource}/operations/", self.new_id(), metadata)

    def finish(
        self, operation: Operation, *, response: Mapping[str, Json] | None = None, error: Json | None = None
    ) -> dict[str, Json]:
        """Record how it ended; returns its JSON."""
        generic = operation.metadata["genericMetadata"] | {"updateTime": timestamp(datetime.now(UTC))}
        ended = self.operations.finish(operation.name, {"genericMetadata": generic}, response=response, error=error)
        self.changes.notify()
        return self.operation_json(ended)

    def completed(self, resource: str, kind: str, response: Mapping[str, Json] = EMPTY) -> dict[str, Json]:
        """The JSON of an operation that has succeeded by the time of the response."""
        return self.finish(self.begin(resource, kind), response=response)

    def operation_json(self, operation: Operation) -> dict[str, Json]:
        """``google.longrunning.Operation``, with messages of the version in which it began."""
        return in_its_version(operation).json(self.full_name(operation.name), operation.metadata)

    def in_beta(self, answer: Mapping[str, Json]) -> dict[str, Json]:
        """An operation that begins, as ``v1beta1`` has it from now on.

        Args:
            answer: its JSON.
        """
        begun = begun_in_beta(self.operations.get(answer["name"].split("/", 2)[2]))
        self.operations.update(begun)
        return self.operation_json(begun)


def typed(kind: str, value: Mapping[str, Json]) -> dict[str, Json]:
    """``value`` as a ``google.protobuf.Any`` of this API's message ``kind``."""
    return {"@type": f"{_TYPE}{kind}"} | dict(value)


def check_described(body: Mapping[str, Json], message: str) -> None:
    """Checks the display name and the labels of a resource.

    Args:
        message: its path in error messages: ``model``.

    Raises:
        InvalidArgument: the display name is missing or too long, or there are too many labels.
    """
    name = body.get("displayName", "")
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidArgument(
            f"A display name has 1 to {LONGEST_NAME} characters, this one {len(name)}: {name[:60]!r}.",
            field=f"{message}.display_name",
        )
    check_labels(body.get("labels", {}), f"{message}.labels")
