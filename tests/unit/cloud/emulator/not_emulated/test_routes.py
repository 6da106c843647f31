"""What the emulator counts and reports of requests for what is not emulated."""

import pytest

from cloud.emulator.app import Emulator
from cloud.emulator.mounts import RequestSource
from cloud.emulator.not_emulated.tally import NotEmulated
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.project.identities import owner
from cloud.errors import Unimplemented
from emulator_api.recorder import Recorder, send

ME = owner("my-project")


@pytest.fixture
def storage():
    return Recorder()


@pytest.fixture
def emulator(storage):
    return Emulator("my-project", "us-central1", storage, TokenRegistry(), KeyRing())


async def test_what_is_not_emulated_is_counted_and_reported_to_its_source_with_the_host(emulator, storage):
    reported: list[tuple[str, str]] = []
    source = emulator.protocols(RequestSource(ME, on_not_emulated=lambda host, why: reported.append((host, why))))
    await send(source, "POST", "bigquery.googleapis.com/bigquery/v2/projects/p/jobs")
    await send(source, "POST", "www.googleapis.com/bigquery/v2/projects/p/jobs")
    storage.outcome = Unimplemented("no such thing", method="storage.folders.list")
    for _ in range(2):
        await send(source, "GET", "storage.googleapis.com/storage/v1/b/b/folders")
    assert [(host, why.partition(".")[0]) for host, why in reported] == [
        ("bigquery.googleapis.com", "bigquery"),
        ("www.googleapis.com", "bigquery"),
        *[("storage.googleapis.com", "no such thing")] * 2,
    ]
    assert emulator.not_emulated == [
        NotEmulated("bigquery.googleapis.com", "", 1),
        NotEmulated("www.googleapis.com", "", 1),
        NotEmulated("storage.googleapis.com", "storage.folders.list", 2),
    ]


async def test_a_method_over_grpc_that_no_table_has_is_refused_by_its_name_but_of_an_api_that_is_not_served_as_that(
    emulator,
):
    path = "/google.storage.v2.Storage/ReadObject"
    for host in ("storage.googleapis.com", "127.0.0.1", "www.googleapis.com.example"):
        error = (await send(emulator, "POST", f"{host}{path}")).json()["error"]
        assert error["details"][0]["reason"] == "METHOD_NOT_EMULATED"
        assert error["details"][0]["metadata"]["method"] == path[1:]
    error = (await send(emulator, "POST", "pubsub.googleapis.com/google.pubsub.v1.Publisher/Publish")).json()["error"]
    assert error["details"][1]["reason"] == "SERVICE_DISABLED"
