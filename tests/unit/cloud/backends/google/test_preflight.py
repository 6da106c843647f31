"""The checks before a run, with scripted responses of Google."""

from collections.abc import Mapping
from datetime import date

import pytest

from cloud.backends.google.methods import Request
from cloud.backends.google.preflight import Finding, Preflight, Verdict
from cloud.backends.google.registry import lookup
from cloud.backends.google.transport import FindExisting, Transport
from cloud.errors import CloudError, NotFound, PermissionDenied
from cloud.resources import Json

TODAY = date(2026, 7, 1)
OWN = "europe-west4-docker.pkg.dev/p/r/team/serving@sha256:" + "a" * 64


class Scripted(Transport):
    """Responds by method id; every other method is forbidden."""

    def __init__(self, answers: Mapping[str, Json | CloudError]) -> None:
        super().__init__("europe-west4")
        self._answers = {"storage.buckets.get": NotFound("no bucket"), **answers}
        self.requested: list[str] = []

    async def _exchange(self, request: Request, _: FindExisting | None) -> Json:
        self.requested.append(request.url)
        answer = self._answers.get(request.method_id, PermissionDenied("not allowed"))
        if isinstance(answer, CloudError):
            raise answer
        return answer


async def findings(transport: Transport, **given: str | None) -> dict[str, Finding]:
    options = {"image": None, "training_image": None, "service": "vertex-ai"} | given
    preflight = Preflight(transport, project="p", region="europe-west4", bucket="b", **options)
    return {finding.what: finding async for finding in preflight.findings(TODAY)}


PACKAGES = "artifactregistry.projects.locations.repositories.packages"


async def test_images_are_looked_up_in_their_registry() -> None:
    transport = Scripted({f"{PACKAGES}.tags.get": {"name": "x"}, f"{PACKAGES}.versions.get": NotFound("gone")})
    found = await findings(transport, image=OWN)
    assert found["training image in its registry"].verdict is Verdict.PASS
    assert found["serving image in its registry"] == Finding(
        Verdict.FAIL, "serving image in its registry", "gone", f"docker push {OWN}, or another image: see docker/"
    )
    root = "https://artifactregistry.googleapis.com/v1/projects"
    assert f"{root}/vertex-ai/locations/europe/repositories/training/packages/tf-cpu.2-17.py310/tags/latest" in (
        transport.requested
    )
    name = f"p/locations/europe-west4/repositories/r/packages/team%2Fserving/versions/sha256:{'a' * 64}"
    assert f"{root}/{name}" in transport.requested


async def test_failed_checks_are_unknown() -> None:
    found = await findings(Scripted({}), training_image="docker.io/me/mine")
    assert found["training image in its registry"].detail == "docker.io/me/mine is in none of Google's"
    assert found["serving image in its registry"].detail == "not allowed"
    assert {found[what].verdict for what in found if what.endswith("registry") or what == "quota"} == {Verdict.UNKNOWN}


async def test_ml_engine_has_no_images_of_its_own() -> None:
    transport = Scripted({})
    found = await findings(transport, service="ml-engine")
    assert not [what for what in found if "image" in what]
    assert not [url for url in transport.requested if "artifactregistry" in url]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("us-docker.pkg.dev/p/r/i", "projects/p/locations/us/repositories/r/packages/i/tags/latest"),
        ("us-docker.pkg.dev/p/r/a/b:1.2", "projects/p/locations/us/repositories/r/packages/a%2Fb/tags/1.2"),
        ("gcr.io/p/i:t", "projects/p/locations/us/repositories/gcr.io/packages/i/tags/t"),
        ("eu.gcr.io/p/i", "projects/p/locations/europe/repositories/eu.gcr.io/packages/i/tags/latest"),
    ],
)
def test_names_of_images(uri: str, name: str) -> None:
    assert lookup(uri) == (f"{PACKAGES}.tags.get", name)


@pytest.mark.parametrize(
    "uri", ["me/mine", "docker.io/me/mine:1", "us-docker.pkg.dev/p/r", "us-docker.pkg.dev/p/r/i@x"]
)
def test_an_image_elsewhere_is_not_looked_up(uri: str) -> None:
    assert lookup(uri) is None
