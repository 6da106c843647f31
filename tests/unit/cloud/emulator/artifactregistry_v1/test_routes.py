from datetime import UTC, datetime

import pytest

from cloud.emulator.artifactregistry_v1.routes import ArtifactRegistryV1
from cloud.emulator.artifactregistry_v1.tables import LOCATIONS
from cloud.resources.container_images import ContainerImage
from emulator_api.api_client import SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.image_apis import RegistryApi

REPOSITORIES = "/locations/us-central1/repositories"
MINE = f"{REPOSITORIES}/mine"
NAME = "projects/my-project/locations/us-central1/repositories/mine"
HOST = "us-central1-docker.pkg.dev/my-project/mine"
FIRST, SECOND = (f"sha256:{digit * 64}" for digit in "ab")


@pytest.fixture
async def api(tmp_path):
    made = RegistryApi(memory_backend(), tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def filled(api):
    """With two versions of one image, of which one has two tags and one none, and a nested one."""
    await api.ask("POST", f"{REPOSITORIES}?repositoryId=mine", {"format": "DOCKER"})
    registry = api.own_registry()
    for digest in (FIRST, SECOND):
        image = ContainerImage(digest, "python:3.10", datetime(2026, 1, 1, tzinfo=UTC))
        folder = api.state_dir / "root"
        folder.mkdir()
        (folder / "train.py").write_text("1234567")
        api.images.add(image, folder)
    for name, digest in (("trainer", SECOND), ("trainer:v2", FIRST), ("trainer", FIRST), ("deep/er:v1", SECOND)):
        await registry.push(f"{HOST}/{name}", digest)
    return api


async def test_a_repository_is_made_found_changed_listed_and_deleted(api):
    body = {"format": "DOCKER", "description": "Mine.", "labels": {"team": "a"}}
    operation = await api.ask("POST", f"{REPOSITORIES}?repositoryId=mine", body)
    made = {name: value for name, value in operation["response"].items() if name != "@type"}
    assert (operation["done"], made["name"], made["mode"]) == (True, NAME, "STANDARD_REPOSITORY")
    assert made["registryUri"] == HOST
    assert (await api.send("GET", f"/v1/{operation['name']}")).json == operation
    api.restart()
    assert await api.ask("GET", MINE) == made
    assert (await api.ask("GET", REPOSITORIES))["repositories"] == [made]
    assert (await api.ask("GET", "/locations/-/repositories"))["repositories"] == [made]
    assert await api.ask("GET", "/locations/us/repositories") == {}
    changed = await api.ask("PATCH", f"{MINE}?updateMask=description", {"description": "Ours."})
    assert (changed["description"], changed["labels"]) == ("Ours.", {"team": "a"})
    assert (await api.ask("DELETE", MINE))["done"]
    assert (await api.refusal("GET", MINE))["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("mine", {"format": "PYTHON"}, "repository.format"),
        ("mine", {}, "repository.format"),
        ("mine", {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}, "repository.mode"),
        ("mine", {"format": "DOCKER", "labels": {"A": "b"}}, "repository.labels"),
        ("mine", {"format": "DOCKER", "description": "x" * 1025}, "repository.description"),
        ("mine", {"format": "DOCKER", "kmsKeyName": "k"}, "repository.kms_key_name"),
        ("Mine", {"format": "DOCKER"}, "repository_id"),
        ("", {"format": "DOCKER"}, "repository_id"),
        ("gcr.io", {"format": "DOCKER"}, "repository_id"),
    ],
)
async def test_what_cannot_be_made(api, query, body, field):
    refused = await api.refusal("POST", f"{REPOSITORIES}?repositoryId={query}", body)
    assert (refused["status"], field in refused["message"]) == ("INVALID_ARGUMENT", True)


async def test_what_is_there_or_may_not_be_seen(api):
    await api.ask("POST", f"{REPOSITORIES}?repositoryId=mine", {"format": "DOCKER"})
    again = await api.refusal("POST", f"{REPOSITORIES}?repositoryId=mine", {"format": "DOCKER"})
    assert (again["status"], "already exists" in again["message"]) == ("ALREADY_EXISTS", True)
    assert (await api.refusal("GET", MINE, principal=SOMEBODY))["status"] == "PERMISSION_DENIED"
    assert (await api.refusal("GET", "/locations/moon/repositories"))["status"] == "INVALID_ARGUMENT"
    assert "only images" in (await api.refusal("GET", f"{MINE}/files"))["message"].lower()


async def test_what_a_repository_holds(filled):
    images = (await filled.ask("GET", f"{MINE}/dockerImages"))["dockerImages"]
    assert [(image["uri"], image.get("tags", [])) for image in images] == [
        (f"{HOST}/deep/er@{SECOND}", ["v1"]),
        (f"{HOST}/trainer@{FIRST}", ["latest", "v2"]),
        (f"{HOST}/trainer@{SECOND}", []),
    ]
    assert images[0]["name"] == f"{NAME}/dockerImages/deep%2Fer@{SECOND}"
    assert (images[0]["imageSizeBytes"], images[0]["buildTime"]) == ("7", "2026-01-01T00:00:00Z")
    assert await filled.ask("GET", f"{MINE}/dockerImages/deep%2Fer@{SECOND}") == images[0]
    packages = (await filled.ask("GET", f"{MINE}/packages"))["packages"]
    assert [package["name"] for package in packages] == [f"{NAME}/packages/deep%2Fer", f"{NAME}/packages/trainer"]
    assert await filled.ask("GET", f"{MINE}/packages/deep%2Fer") == packages[0]
    assert (await filled.ask("GET", MINE))["sizeBytes"] == "14"


async def test_versions_and_tags(filled):
    trainer = f"{MINE}/packages/trainer"
    full = (await filled.ask("GET", f"{trainer}/versions?view=FULL"))["versions"]
    assert [[tag["name"].rpartition("/")[2] for tag in one.get("relatedTags", [])] for one in full] == [
        ["latest", "v2"],
        [],
    ]
    assert await filled.ask("GET", f"{trainer}/versions/{FIRST}?view=FULL") == full[0]
    tags = (await filled.ask("GET", f"{trainer}/tags"))["tags"]
    assert [tag["name"].rpartition("/")[2] for tag in tags] == ["latest", "v2"]
    assert await filled.ask("GET", f"{trainer}/tags/v2") == tags[1]
    of_second = f'?filter=version%3D"{NAME}/packages/trainer/versions/{SECOND}"'
    assert await filled.ask("GET", f"{trainer}/tags{of_second}") == {}
    refused = await filled.refusal("DELETE", f"{trainer}/versions/{FIRST}")
    assert "latest, v2" in refused["message"]
    for tag in ("latest", "v2"):
        assert await filled.ask("DELETE", f"{trainer}/tags/{tag}") == {}
    assert (await filled.ask("DELETE", f"{trainer}/versions/{FIRST}"))["done"]
    assert [one["name"].rpartition("/")[2] for one in (await filled.ask("GET", f"{trainer}/versions"))["versions"]] == [
        SECOND
    ]
    assert (await filled.ask("DELETE", trainer))["done"]
    for gone in (trainer, f"{trainer}/versions", f"{trainer}/tags/v2", f"{MINE}/dockerImages/trainer@{FIRST}"):
        assert (await filled.refusal("GET", gone))["status"] == "NOT_FOUND"


async def test_a_repository_goes_with_its_images(filled):
    await filled.ask("DELETE", MINE)
    assert filled.images.find(f"{HOST}/trainer") is None


async def test_locations_and_settings(api):
    listed = (await api.ask("GET", "/locations?pageSize=100"))["locations"]
    assert [location["locationId"] for location in listed] == sorted(LOCATIONS)
    assert (await api.send("GET", "/v1beta2/projects/my-project/locations?pageSize=100")).json["locations"] == listed
    assert (await api.ask("GET", "/locations/us"))["displayName"] == "United States multi-region"
    assert (await api.ask("GET", "/projectSettings"))["legacyRedirectionState"] == "REDIRECTION_FROM_GCR_IO_FINALIZED"


async def test_the_methods_are_googles(api):
    assert {route.method_id for route in ArtifactRegistryV1.routes(api.emulated)} <= set(api.document().methods)
