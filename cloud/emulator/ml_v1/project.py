"""What the handlers of ML Engine's methods share."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.backends.base import Backend
from cloud.emulator.ml_v1.messages import model_name, operation_json
from cloud.emulator.rest.container_images import Images
from cloud.emulator.rest.intents import Intents
from cloud.emulator.rest.operations import EMPTY, Operation, Operations
from cloud.emulator.rest.records import Records
from cloud.emulator.rest.run_as import RunAs
from cloud.errors import InvalidArgument
from cloud.names import ID_RULE, is_id
from cloud.resources import Json
from cloud.wire.ml_v1 import timestamp


@dataclass(frozen=True, slots=True)
class Project:
    """What this API serves.

    Args:
        tenant_number: of the project of Google's in which jobs run.
    """

    id: str
    tenant_number: int
    backend: Backend
    records: Records
    intents: Intents
    operations: Operations
    run_as: RunAs
    images: Images

    def begin(self, stem: str, kind: str, model: str, **metadata: Json) -> Operation:
        """Record an operation of the type ``kind`` on the model of that id."""
        moment, name = now_text(), model_name(self.id, model)
        given = {"createTime": moment, "startTime": moment, "operationType": kind, "modelName": name}
        return self.operations.begin(f"{stem}-", int(time.time() * 1000), given | metadata)

    def finish(
        self,
        operation: Operation,
        *,
        response: Mapping[str, Json] | None = None,
        error: Mapping[str, Json] | None = None,
    ) -> Json:
        """Record how it ended; returns its JSON."""
        ended = self.operations.finish(operation.name, {"endTime": now_text()}, response=response, error=error)
        return operation_json(self.id, ended)

    def completed(
        self, stem: str, kind: str, model: str, response: Mapping[str, Json] = EMPTY, **metadata: Json
    ) -> Json:
        """The JSON of an operation that has succeeded by the time of the response."""
        return self.finish(self.begin(stem, kind, model, **metadata), response=response)


def check_new_id(value: str, field_name: str) -> None:
    """Raises:
    InvalidArgument: in the service's words.
    """
    if not is_id(value):
        raise InvalidArgument(ID_RULE, field=field_name)


def is_regional(host: str) -> bool:
    """Whether it is a regional endpoint, rather than the global one."""
    return not host.startswith("ml.")


def now_text() -> str:
    return timestamp(datetime.now(UTC))
