"""gRPC's own client at the gateway."""

import asyncio
import os
import subprocess
import sys

from aiohttp import web

from cloud.gateway.environ import client_environ
from cloud.gateway.grpc_refusal import MESSAGE
from cloud.gateway.tunnel import Gateway

CALLS = """
import sys, time, grpc
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials())
for _ in range(2):
    began = time.monotonic()
    try:
        channel.unary_unary("/google.cloud.aiplatform.v1.ModelService/ListModels")(b"request", timeout=10)
    except grpc.RpcError as error:
        print(error.code().name, time.monotonic() - began, error.details())
"""


async def not_reached(request: web.BaseRequest) -> web.StreamResponse:
    raise AssertionError(request.path)


async def test_a_call_is_ended_at_once_in_its_own_form(tmp_path):
    gateway = Gateway(web.Server(not_reached), tmp_path / "ca")
    await gateway.start()
    try:
        environ = os.environ | client_environ(
            proxy_url=gateway.url, ca_file=gateway.ca_file, metadata_host=gateway.address, project="my-project"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CALLS, "storage.googleapis.com"), env=environ, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
    finally:
        await gateway.close()
    calls = out.decode().splitlines()
    assert len(calls) == 2
    for call in calls:
        code, seconds, details = call.split(" ", 2)
        assert (code, details) == ("UNIMPLEMENTED", MESSAGE)
        assert float(seconds) < 1
