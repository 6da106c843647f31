"""One request of ML Engine's API, read and checked, and what the handlers work with."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cloud.backends.base import Backend
from cloud.emulator.discovery import Method
from cloud.emulator.ml_v1.making import Making
from cloud.emulator.ml_v1.records import Records
from cloud.emulator.ml_v1.wire import operation_json
from cloud.emulator.operations import Operation, Operations
from cloud.emulator.pages import page
from cloud.engine.storage.policy import Principal
from cloud.errors import Aborted, InvalidArgument
from cloud.names import ID_RULE, is_id
from cloud.resources import Json


@dataclass(frozen=True, slots=True)
class Project:
    """What this API serves.

    Args:
        number: stands for the id in any name, too.
        tenant_number: of the project of Google's in which jobs run.
    """

    id: str
    number: int
    tenant_number: int
    backend: Backend
    records: Records
    making: Making
    operations: Operations

    def begin(self, stem: str, kind: str, model: str, **metadata: Json) -> Operation:
        """Record an operation of the type ``kind`` on the model of that resource name."""
        moment = now_text()
        given = {"createTime": moment, "startTime": moment, "operationType": kind, "modelName": model}
        return self.operations.begin(stem, int(time.time() * 1000), given | metadata)

    def finish(
        self,
        operation: Operation,
        *,
        response: Mapping[str, Json] | None = None,
        error: Mapping[str, Json] | None = None,
    ) -> Json:
        """Record how it ended; returns its JSON."""
        metadata = {**operation.metadata, "endTime": now_text()}
        ended = replace(operation, metadata=metadata, response=response, error=error)
        self.operations.update(ended)
        return operation_json(self.id, ended)


@dataclass(frozen=True, slots=True)
class Call:
    method: Method
    name: str
    """The resource in the path, with the project's id: ``projects/P/jobs/J``."""
    query: Mapping[str, Json]
    body: Mapping[str, Json] = field(repr=False)
    """In normal form."""
    content: bytes = field(repr=False)
    """The body as it was sent."""
    principal: Principal
    on_regional_endpoint: bool

    def page(self, field: str, items: Iterable[Mapping[str, Json]], key: str) -> dict[str, Json]:
        """The answer of a list method: the page asked for, in ``field``, which is left out if nothing is listed.

        Args:
            items: see ``pages.page``; ``key`` is the name of their unique field.
        """
        scope = f"{self.method.id} {self.name}"
        shown, token = page(list(items), lambda item: str(item[key]), self.query, scope)
        return ({field: shown} if shown else {}) | ({"nextPageToken": token} if token else {})

    @property
    def ids(self) -> list[str]:
        """What follows the collections in ``name``: project, model, version."""
        return self.name.split("/")[1::2]

    def mask(self, *allowed: str) -> set[str]:
        """The paths in ``updateMask``, in camel case.

        Raises:
            InvalidArgument: none, or another one than ``allowed``.
        """
        paths = {_camel(path.strip()) for path in self.query.get("updateMask", "").split(",") if path.strip()}
        if not paths:
            raise InvalidArgument("An update mask is required.", field="update_mask")
        wrong = sorted(paths - set(allowed))
        if wrong:
            raise InvalidArgument(
                f"{wrong[0][:100]!r} cannot be updated, only {', '.join(sorted(allowed))}.", field="update_mask"
            )
        return paths


def check_new_id(value: str, field_name: str) -> None:
    """Raises:
    InvalidArgument: in the service's words.
    """
    if not is_id(value):
        raise InvalidArgument(ID_RULE, field=field_name)


def check_etag(given: str | None, current: str) -> None:
    """Raises:
    Aborted: the resource was changed since ``given`` was read.
    """
    if given not in (None, current):
        raise Aborted("The etag is not that of the resource: it was changed meanwhile. Read it anew, then try again.")


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _camel(path: str) -> str:
    return ".".join(part[:1] + part.title().replace("_", "")[1:] if "_" in part else part for part in path.split("."))
