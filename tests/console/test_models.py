"""Models, versions and endpoints: what is deployed, and a form that asks it for predictions."""

import asyncio
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from console.pages import HOSTILE, Pages

from cloud.console.vertex_client import VertexClient
from cloud.emulator.app import RequestSource
from cloud.engine.project.identities import owner
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Json, VersionSpec
from cloud.server.thread import BackgroundCloud
from cloud.testing.contract.base import TIMEOUT, Contract
from cloud.testing.contract.probes import EXPORT

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Route

REGION = "us-central1"


@pytest.fixture(scope="module")
def exported(cloud: BackgroundCloud, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> GsUri:
    """A SavedModel: scaled = 2 x + y."""
    job = cloud.run(Contract().train(cloud.backend, bucket, tmp_path_factory.mktemp("export"), EXPORT))
    return GsUri(bucket, f"jobs/{job.job_id}/export/1")


async def vertex(cloud: BackgroundCloud, path: str, body: Json = None) -> Json:
    """The answer of Vertex AI's API, and of the operation that it began."""
    emulator = cloud._cloud._assembly.front.emulator
    client = VertexClient(emulator.protocols(RequestSource(owner(cloud.project))), cloud.project)
    try:
        answer = await client.post(REGION, path, body) if body is not None else await client.get(REGION, path)
        deadline = time.monotonic() + TIMEOUT
        while answer.get("done") is False or ("operations" in answer.get("name", "") and not answer.get("done")):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
            answer = await client.get(REGION, answer["name"].partition(f"locations/{REGION}/")[2])
        return answer.get("response", answer)
    finally:
        await client.close()


def test_a_version_is_deployed_and_tried(pages: Pages, cloud: BackgroundCloud, exported: GsUri) -> None:
    page, backend = pages.page, cloud.backend
    pages.open("/models")
    cloud.run(backend.create_model("scale", description=HOSTILE))
    page.get_by_role("link", name="scale").wait_for()
    assert HOSTILE in pages.main
    pages.open("/models/scale")
    cloud.run(backend.create_version(VersionSpec("scale", "v1", exported)))
    page.get_by_role("row", name="v1").get_by_text("READY").wait_for()
    page.get_by_role("link", name="v1").click()

    assert page.get_by_label("Instances").input_value() == '[{"x": 0.0, "y": 0.0}]'
    page.get_by_label("Instances").fill('[{"x": 3.0, "y": 1.0}]')
    page.get_by_role("button", name="Predict").click()
    assert '"scaled": 7.0' in page.locator("main pre").first.inner_text()
    command = page.locator("div.command pre").inner_text()
    assert command.startswith("curl ")
    assert """-d '{"instances": [{"x": 3.0, "y": 1.0}]}'""" in command
    page.get_by_label("Instances").fill("[1")
    page.get_by_role("button", name="Predict").click()
    assert page.get_by_role("alert").inner_text().startswith("JSON: ")
    page.get_by_label("Instances").fill('[{"z": 1}]')
    page.get_by_role("button", name="Predict").click()
    assert "z" in page.get_by_role("alert").inner_text()
    assert cloud.run(backend.get_version("scale", "v1")).state is VersionState.READY


def test_an_answer_that_was_long_on_its_way_replaces_nothing_newer(pages: Pages, cloud: BackgroundCloud) -> None:
    page = pages.page
    held: list[tuple[Route, APIResponse]] = []

    def hold_the_first(route: "Route") -> None:
        if route.request.resource_type != "fetch" or held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route("**/models", hold_the_first)
    pages.open("/models")
    while not held:  # the list as it was before
        page.wait_for_timeout(10)
    cloud.run(cloud.backend.create_model("newer"))
    page.wait_for_timeout(1500)  # enough for a second answer, if one is asked for
    route, answer = held[0]
    route.fulfill(response=answer)
    page.get_by_role("link", name="newer").wait_for()
    page.wait_for_timeout(500)
    assert page.get_by_role("link", name="newer").is_visible()
    cloud.run(cloud.backend.delete_model("newer"))


def test_the_command_is_one(pages: Pages, cloud: BackgroundCloud, exported: GsUri) -> None:
    """Whatever was typed, a shell takes it as one argument."""
    cloud.run(cloud.backend.create_model("shell"))
    cloud.run(cloud.backend.deploy(VersionSpec("shell", "v1", exported)))
    pages.open("/models/shell/versions/v1")
    pages.page.get_by_label("Instances").fill("""'; touch /tmp/never; echo '$(id)""")
    pages.page.get_by_role("button", name="Predict").click()
    command = pages.page.locator("div.command pre").inner_text().replace("$(python -m cloud.serve token)", "T")
    printed = subprocess.run(
        ["bash", "-c", f"curl() {{ printf '%s\\n' \"$@\"; }}; {command}"], capture_output=True, check=True
    )
    assert printed.stdout.decode().splitlines()[3] == """{"instances": '; touch /tmp/never; echo '$(id)}"""


def test_an_endpoint_of_vertex_ai_is_tried(pages: Pages, cloud: BackgroundCloud, exported: GsUri) -> None:
    page, run = pages.page, cloud.run
    pages.open("/models")
    container = {"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"}
    given = {"displayName": "scale on vertex", "artifactUri": str(exported), "containerSpec": container}
    model = run(vertex(cloud, "models:upload", {"model": given}))["model"]
    endpoint = run(vertex(cloud, "endpoints", {"displayName": HOSTILE}))["name"]
    page.get_by_role("link", name="scale on vertex").wait_for()
    page.get_by_role("link", name="onerror").click()
    assert page.locator("h1").inner_text() == HOSTILE
    assert "No model is deployed here yet." in pages.main
    path = f"endpoints/{endpoint.rpartition('/')[2]}"
    machine = {"dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1}}
    deployed = {"model": model, "displayName": "first", **machine}
    run(vertex(cloud, f"{path}:deployModel", {"deployedModel": deployed, "trafficSplit": {"0": 100}}))
    page.get_by_role("row", name="first").get_by_text("100 %").wait_for()
    page.get_by_label("Instances").fill('[{"x": 3.0, "y": 1.0}]')
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("heading", name="Predictions").wait_for()
    assert "7.0" in page.locator("main pre").first.inner_text()
    assert f"{path}:predict" in page.locator("div.command pre").inner_text()
    page.get_by_role("link", name="first").click()
    assert str(exported) in pages.main
    pages.open("/models")
    assert "endpoint_us_central1" not in pages.main, "what stands for an endpoint is no model"


@pytest.mark.parametrize(
    "path", ["/models/none", "/models/none/versions/v1", "/models/vertex-ai/us-central1/endpoints/12345",
             "/models/vertex-ai/us-central1/models/12345", "/models/vertex-ai/@evil/models/12345"],
)  # fmt: skip
def test_what_does_not_exist_is_named(pages: Pages, path: str) -> None:
    assert pages.open(path).status == 404
    assert any(name in pages.main for name in ("none", "12345"))
