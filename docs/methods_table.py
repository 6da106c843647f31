"""Writes the tables of methods in fidelity.md from the emulator's routes: ``python docs/methods_table.py``."""

import json
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from cloud.emulator.aiplatform_v1.routes import AiplatformV1
from cloud.emulator.artifactregistry_v1.routes import ArtifactRegistryV1
from cloud.emulator.cloudbuild_v1.routes import CloudBuildV1
from cloud.emulator.cloudresourcemanager.routes import CloudResourceManagerV1, CloudResourceManagerV3
from cloud.emulator.iam.routes import IamV1
from cloud.emulator.iamcredentials.routes import IamCredentialsV1
from cloud.emulator.ml_v1.routes import MlV1
from cloud.emulator.serviceusage.routes import ServiceUsageV1
from cloud.emulator.storage_v1 import routes as storage_v1
from cloud.wire.discovery_documents import read_document

MANY = 100
"""The most methods that are listed one by one."""
PAGE = Path(__file__).with_name("fidelity.md")


@dataclass(frozen=True)
class Api:
    """The ids of an API's methods, by how the emulator handles them."""

    document: str
    served: frozenset[str]
    refused: frozenset[str]
    missing: frozenset[str]


def google(document: str) -> frozenset[str]:
    """The ids of all methods in a discovery document of google-api-python-client."""
    return frozenset(_ids(json.loads(read_document(document))))


def apis() -> list[Api]:
    anything = mock.Mock()
    ml, builds = list(MlV1.routes(anything)), list(CloudBuildV1.routes(anything))
    storage = {route.method_id for route in storage_v1.ROUTES}
    return [
        _api("ml.v1", {r.method_id for r in ml if not r.is_refused}, {r.method_id for r in ml if r.is_refused}),
        _api(storage_v1.DOCUMENT, storage, google(storage_v1.DOCUMENT) - storage),
        *(
            _api(api.DOCUMENT, {route.method_id for route in api.routes(anything)}, set())
            for api in (CloudResourceManagerV1, CloudResourceManagerV3)
        ),
        _api(IamV1.DOCUMENT, {route.method_id for route in IamV1.routes(anything)}, set()),
        _api(IamCredentialsV1.DOCUMENT, {route.method_id for route in IamCredentialsV1.routes(anything)}, set()),
        _api(ServiceUsageV1.DOCUMENT, {route.method_id for route in ServiceUsageV1.routes(anything)}, set()),
        _api(
            CloudBuildV1.DOCUMENT,
            {route.method_id for route in builds if not route.is_refused},
            {route.method_id for route in builds if route.is_refused},
        ),
        _api(ArtifactRegistryV1.DOCUMENT, {route.method_id for route in ArtifactRegistryV1.routes(anything)}, set()),
        _api("aiplatform.v1", {route.method_id for route in AiplatformV1.routes(anything)}, set()),
    ]


def rewritten(page: str) -> str:
    """``page`` with each table between its markers replaced by the current one."""
    for api in apis():
        lines = ["| | methods | |", "| --- | --- | --- |"]
        for word in ("served", "refused", "missing"):
            ids: frozenset[str] = getattr(api, word)
            names = sorted(name.removeprefix(api.document.partition(".")[0] + ".") for name in ids)
            if len(names) > MANY:
                names = by_resource(names, {name.partition(".")[2] for name in api.served})
            lines.append(f"| {word} | {len(ids)} | {' '.join(f'`{name}`' for name in names)} |")
        begin, end = f"<!-- methods of {api.document} -->\n", f"\n<!-- end of methods of {api.document} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{PAGE} has no place for the methods of {api.document}")
        page = before + begin + "\n".join(lines) + end + after
    return page


def by_resource(names: Iterable[str], served: set[str]) -> list[str]:
    """``names``, with one entry ``RESOURCE.*`` for all methods of a resource without served ones."""
    found = set()
    for name in names:
        parts = name.split(".")
        depth = 3 if name.startswith("projects.locations.") else 1
        resource = ".".join(parts[:depth]) + "."
        is_all = len(parts) > depth and not any(other.startswith(resource) for other in served)
        found.add(f"{resource}*" if is_all else name)
    return sorted(found)


def _api(document: str, served: Set[str], refused: Set[str]) -> Api:
    known = google(document)
    return Api(document, frozenset(served), frozenset(refused), known - served - refused)


def _ids(resource: dict) -> Iterator[str]:  # type: ignore[type-arg]
    for method in resource.get("methods", {}).values():
        yield method["id"]
    for below in resource.get("resources", {}).values():
        yield from _ids(below)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
