"""What is not emulated over gRPC: every method of Vertex AI is served or refused by name, other APIs as not enabled."""

import asyncio
import re
from collections import Counter
from typing import Any

import grpc
import pytest

from cloud.emulator.grpc import methods
from integration.grpc_calls.conftest import PROJECT
from integration.grpc_client import GrpcClient, details_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
Outcome = tuple[grpc.StatusCode, dict[str, Any], str]
"""Status, ErrorInfo and text."""
_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")


async def outcome(channel: grpc.aio.Channel, client: GrpcClient, method: str, request: bytes = b"") -> Outcome:
    """Of a call; a response is OK."""
    try:
        await client.call(method, request, channel=channel, timeout=60)
    except grpc.aio.AioRpcError as error:
        about = next((detail for detail in details_of(error) if "reason" in detail), {})
        return error.code(), about, error.details() or ""
    return grpc.StatusCode.OK, {}, ""


def request_of(method: methods.Method) -> bytes:
    """A request that names a resource where the method's path needs one."""
    request: Any = method.request()
    for field, form in _VARIABLE.findall(method.rules[0].uri):
        *parents, name = field.split(".")
        message = request
        for parent in parents:
            message = getattr(message, parent)
        named = (form or "*").replace("projects/*/locations/*", f"projects/{PROJECT}/locations/us-central1")
        setattr(message, name, named.replace("**", "7").replace("*", "7"))
    return bytes(request.SerializeToString())


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_every_method_of_vertex_ai_is_served_or_refused_by_its_name(cloud, client, version):
    service, channel = f"/google.cloud.aiplatform.{version}.", client.channel()
    paths = [path for path in methods._methods() if path.startswith(service)]
    vertex = cloud._assembly.vertex.load()
    served = {route.method_id for route in vertex.routes()}
    before = sum(refusal.count for refusal in cloud.refusals)

    async def ask(path: str) -> tuple[str, Outcome]:
        return path, await outcome(channel, client, path[1:], request_of(methods.find(path)))

    found = dict(await asyncio.gather(*map(ask, paths)))
    refused = {path: about for path, (code, about, _) in found.items() if code is grpc.StatusCode.UNIMPLEMENTED}
    wrong = {path: about for path, about in refused.items() if about.get("reason") != "METHOD_NOT_EMULATED"}
    assert wrong == {}
    assert {about["metadata"]["method"] for about in refused.values()} & served == set()
    fine = ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION")
    others = {path: code.name for path, (code, _, _) in found.items() if path not in refused and code.name not in fine}
    assert others == {}
    assert len(refused) > 250
    assert len(found) - len(refused) > 25
    assert sum(refusal.count for refusal in cloud.refusals) == before + len(refused)


async def test_another_api_is_refused_as_one_that_is_not_enabled(cloud, client):
    host = "pubsub.googleapis.com"
    code, about, text = await outcome(client.channel(host), client, "google.pubsub.v1.Publisher/ListTopics")
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert (about["reason"], about["metadata"]["service"]) == ("SERVICE_DISABLED", host)
    assert "PUBSUB_EMULATOR_HOST" in text
    assert {refusal.what: refusal.count for refusal in cloud.refusals}[f"{host}:443"] == 1


async def test_a_method_that_no_table_has_is_counted_by_its_name(cloud, client):
    method = "google.storage.v2.Storage/ReadObject"
    code, about, text = await outcome(client.channel("storage.googleapis.com"), client, method)
    assert (code, about["reason"]) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_EMULATED")
    assert text.startswith("google.storage.v2.Storage/ReadObject is not emulated here. If its client has another")
    assert Counter(refusal.method for refusal in cloud.refusals)[method] == 1
