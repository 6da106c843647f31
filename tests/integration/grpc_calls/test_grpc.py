"""gRPC's own client against the emulated Vertex AI, with raw messages: every answer, and bad days.

tests/integration/test_clients_aiplatform.py does the same with Vertex AI's SDK, configured by the environment alone.
"""

import asyncio
import contextlib

import grpc
import pytest

from cloud.emulator.faults import Cut, Refuse
from cloud.emulator.grpc.methods import find
from cloud.errors import ResourceExhausted
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from integration.grpc_calls.conftest import PROJECT
from integration.grpc_client import GrpcClient, details_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOCATION = f"projects/{PROJECT}/locations/us-central1"
V1 = "google.cloud.aiplatform.v1"


# ---------------------------------------------------------------- responses


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_resource_is_made_by_a_long_running_operation_read_changed_and_deleted(client, version):
    package, parent = f"google.cloud.aiplatform.{version}", {"parent": LOCATION}
    operation = await client.call(
        f"{package}.EndpointService/CreateEndpoint", parent | {"endpoint": {"displayName": "e"}}
    )
    while not operation.get("done"):
        operation = await client.call("google.longrunning.Operations/GetOperation", {"name": operation["name"]})
    made = operation["response"]
    assert made["@type"] == f"type.googleapis.com/{package}.Endpoint"
    named = {"name": made["name"]}
    read = await client.call(f"{package}.EndpointService/GetEndpoint", named)
    assert read["displayName"] == "e"
    change = {"endpoint": {**named, "displayName": "f", "labels": {"a_b": "c"}}, "updateMask": "displayName,labels"}
    changed = await client.call(f"{package}.EndpointService/UpdateEndpoint", change)
    assert (changed["displayName"], changed["labels"]) == ("f", {"a_b": "c"})
    listed = await client.call(f"{package}.EndpointService/ListEndpoints", parent | {"filter": 'display_name="f"'})
    assert [each["name"] for each in listed["endpoints"]] == [made["name"]]
    await client.call(f"{package}.EndpointService/DeleteEndpoint", named)
    assert await client.call(f"{package}.EndpointService/ListEndpoints", parent) == {}


async def test_operations_and_locations_are_served(client):
    operations = await client.call("google.longrunning.Operations/ListOperations", {"name": LOCATION})
    assert operations["operations"]
    location = await client.call("google.cloud.location.Locations/GetLocation", {"name": LOCATION})
    assert location["locationId"] == "us-central1"


async def test_a_repository_and_a_build(client):
    host, parent = "artifactregistry.googleapis.com", {"parent": LOCATION}
    service = "google.devtools.artifactregistry.v1.ArtifactRegistry"
    create = {**parent, "repositoryId": "mine", "repository": {"format": "DOCKER"}}
    made = await client.call(f"{service}/CreateRepository", create, host=host)
    assert made["response"]["name"] == f"{LOCATION}/repositories/mine"
    assert (await client.call(f"{service}/ListRepositories", parent, host=host))["repositories"][0][
        "format"
    ] == "DOCKER"
    service, host = "google.devtools.cloudbuild.v1.CloudBuild", "cloudbuild.googleapis.com"
    step = {"name": "gcr.io/cloud-builders/docker", "args": ["pull", "python:3.10"]}
    begun = await client.call(f"{service}/CreateBuild", {"projectId": PROJECT, "build": {"steps": [step]}}, host=host)
    wanted = {"projectId": PROJECT, "id": begun["metadata"]["build"]["id"]}
    assert (await client.call(f"{service}/GetBuild", wanted, host=host))["steps"][0]["args"] == step["args"]


async def test_resource_manager_gives_the_project(client):
    name = "google.cloud.resourcemanager.v3.Projects/GetProject"
    project = await client.call(name, {"name": f"projects/{PROJECT}"}, host="cloudresourcemanager.googleapis.com")
    assert project["projectId"] == PROJECT


async def test_the_projects_policy_is_read_and_permissions_are_tested(client):
    service, resource = "google.cloud.resourcemanager.v3.Projects", {"resource": f"projects/{PROJECT}"}
    host = "cloudresourcemanager.googleapis.com"
    policy = await client.call(f"{service}/GetIamPolicy", resource, host=host)
    assert "roles/owner" in [binding["role"] for binding in policy["bindings"]]
    asked = {**resource, "permissions": ["storage.buckets.list", "ml.jobs.create"]}
    assert await client.call(f"{service}/TestIamPermissions", asked, host=host) == {"permissions": asked["permissions"]}


async def test_services_and_service_accounts_are_listed(client):
    services = await client.call(
        "google.api.serviceusage.v1.ServiceUsage/ListServices",
        {"parent": f"projects/{PROJECT}", "filter": "state:ENABLED"},
        host="serviceusage.googleapis.com",
    )
    assert any(service["name"].endswith("/services/aiplatform.googleapis.com") for service in services["services"])
    made = await client.call(
        "google.iam.admin.v1.IAM/CreateServiceAccount",
        {"name": f"projects/{PROJECT}", "accountId": "trainer", "serviceAccount": {"displayName": "t"}},
        host="iam.googleapis.com",
    )
    listed = await client.call(
        "google.iam.admin.v1.IAM/ListServiceAccounts", {"name": f"projects/{PROJECT}"}, host="iam.googleapis.com"
    )
    assert made["email"] in [account["email"] for account in listed["accounts"]]


async def test_logs_are_read(client):
    request = {"resourceNames": [f"projects/{PROJECT}"], "filter": 'resource.type="ml_job"'}
    listed = await client.call(
        "google.logging.v2.LoggingServiceV2/ListLogEntries", request, host="logging.googleapis.com"
    )
    assert listed.get("entries", []) == []


# ---------------------------------------------------------------- errors


async def test_an_error_has_the_code_and_message_of_rest(client):
    error = await client.error(f"{V1}.ModelService/GetModel", {"name": f"{LOCATION}/models/7"})
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "Field: name Error: The Model does not exist: 'locations/us-central1/models/7'."


async def test_a_caller_without_credentials_is_unauthenticated(client):
    error = await client.error(f"{V1}.ModelService/ListModels", {"parent": LOCATION}, metadata=())
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("name", ["", f"{V1}.ModelService/InventModel"])
async def test_an_unknown_method_is_unimplemented_by_name(client, name):
    error = await client.error(name, b"")
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert error.details().startswith(f"{name or 'a method without a name'} is not emulated here")


@pytest.mark.parametrize("name", ["", "7", "projects/p/locations/us-central1"])
async def test_a_name_that_fits_no_method_is_an_invalid_argument(client, name):
    error = await client.error(f"{V1}.EndpointService/DeployModel", {"endpoint": name, "deployedModel": {}})
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == (f"Field: endpoint Error: not of the form projects/*/locations/*/endpoints/*: {name!r}")
    (detail,) = details_of(error)
    assert detail["fieldViolations"][0]["field"] == "endpoint"


async def test_a_method_that_streams_its_responses_is_refused_in_words(client):
    path = f"/{V1}.PredictionService/ServerStreamingPredict"
    request = find(path).request(endpoint=f"{LOCATION}/endpoints/7").SerializeToString()
    call = client.channel().unary_stream(path)(request, metadata=client.owner, timeout=30)
    assert await call.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "serverStreamingPredict" in await call.details()


async def test_a_method_that_streams_its_requests_is_refused_before_they_come(client):
    call = client.channel().stream_stream(f"/{V1}.PredictionService/StreamDirectPredict")(
        metadata=client.owner, timeout=30
    )
    assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


# ---------------------------------------------------------------- faults


async def test_a_fault_is_met_once_over_grpc_too(cloud, client, caplog):
    name, parent = f"{V1}.ModelService/ListModels", {"parent": LOCATION}
    assert await client.call(name, parent) == {}  # the connection that is cut next was of use
    cut = cloud.faults.add("aiplatform.projects.locations.models.list", Cut.BEFORE)
    assert (await client.error(name, parent)).code() is grpc.StatusCode.UNAVAILABLE
    assert cut.fired == 1
    cloud.faults.add("aiplatform.projects.locations.models.list", Refuse(ResourceExhausted("too many")))
    error = await client.error(name, parent)
    assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
    assert await client.call(name, parent) == {}
    assert caplog.records == []


# ---------------------------------------------------------------- bad days


async def test_a_field_that_is_not_known_is_ignored(client):
    known = find(f"/{V1}.ModelService/ListModels").request(parent=LOCATION).SerializeToString()
    unknown = b"\xfa\xff\x07\x03abc"  # field 16383, a string
    assert await client.call(f"{V1}.ModelService/ListModels", known + unknown) == {}


async def test_what_is_not_a_message_is_an_invalid_argument(client):
    error = await client.error(f"{V1}.ModelService/ListModels", b"\xff")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"{V1}.ListModelsRequest" in error.details()


async def test_a_message_of_20_mb_is_refused_and_the_connection_is_of_use(client):
    channel = client.channel()
    request = {"endpoint": f"{LOCATION}/endpoints/7", "instances": ["x" * 20_000_000]}
    error = await client.error(f"{V1}.PredictionService/Predict", request, channel=channel)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "Request payload size exceeds the limit: 10485760 bytes."
    assert await client.call(f"{V1}.ModelService/ListModels", {"parent": LOCATION}, channel=channel) == {}


async def test_a_deadline_of_a_millisecond_passes_and_the_connection_is_of_use(client, caplog):
    channel = client.channel()
    for _ in range(20):
        late = channel.stream_unary(f"/{V1}.ModelService/ListModels")(metadata=client.owner, timeout=1e-3)
        assert await late.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # whoever was first
        with contextlib.suppress(grpc.aio.AioRpcError):  # the machine may be fast enough
            await client.call(f"{V1}.ModelService/ListModels", {"parent": LOCATION}, channel=channel, timeout=1e-3)
    assert await client.call(f"{V1}.ModelService/ListModels", {"parent": LOCATION}, channel=channel) == {}
    assert caplog.records == []


async def test_a_stream_that_is_cut_harms_nobody(client, caplog):
    channel = client.channel()
    path = f"/{V1}.ModelService/ListModels"
    for _ in range(20):
        cut = channel.stream_unary(path)(metadata=client.owner)
        await cut.wait_for_connection()
        await cut.write(b"\x0a")  # not the end of a message
        cut.cancel()
    assert await client.call(path[1:], {"parent": LOCATION}, channel=channel) == {}
    assert caplog.records == []


async def test_two_hundred_connections_are_served(client):
    name = f"{V1}.ModelService/ListModels"
    channels = [client.channel() for _ in range(200)]
    calls = (client.call(name, {"parent": LOCATION}, channel=channel, timeout=120) for channel in channels)
    assert await asyncio.gather(*calls) == [{}] * 200


async def test_five_hundred_calls_at_once_on_one_connection_are_served(client):
    name, channel = f"{V1}.ModelService/ListModels", client.channel()
    calls = (client.call(name, {"parent": LOCATION}, channel=channel, timeout=120) for _ in range(500))
    assert await asyncio.gather(*calls) == [{}] * 500


async def test_a_server_that_ends_meanwhile_is_unavailable(caplog):
    async with LocalCloud(Settings(project=PROJECT, launcher=LauncherKind.COLD)) as cloud:
        client = GrpcClient(cloud)
        channel, name = client.channel(), f"{V1}.ModelService/ListModels"
        assert await client.call(name, {"parent": LOCATION}, channel=channel) == {}
        waiting = channel.stream_unary(f"/{name}")(metadata=client.owner)
        await waiting.wait_for_connection()
    assert await asyncio.wait_for(waiting.code(), 10) is grpc.StatusCode.UNAVAILABLE
    error = await client.error(name, {"parent": LOCATION}, channel=channel, timeout=10)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    await client.close()
    assert caplog.records == []


async def test_plain_text_is_served_as_over_rest(cloud):
    environ = await cloud.owner_environ()
    method = f"/{V1}.ModelService/ListModels"
    request = find(method).request(parent=LOCATION).SerializeToString()
    async with grpc.aio.insecure_channel(environ["STORAGE_EMULATOR_HOST"].removeprefix("http://")) as owners:
        assert await owners.unary_unary(method)(request, timeout=10) == b""
    async with grpc.aio.insecure_channel(cloud._front.gateway.address) as anyones:
        call = anyones.unary_unary(method)(request, timeout=10)
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
