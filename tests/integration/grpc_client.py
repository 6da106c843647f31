"""gRPC's own client for tests, with messages of the table that the emulator has."""

from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from cloud.emulator.grpc.methods import find, message, pool
from cloud.engine.project.identities import owner
from cloud.server.base import ServedCloud

VERTEX = "us-central1-aiplatform.googleapis.com"


class GrpcClient:
    """Channels through the gateway of ``cloud``, with the owner's token."""

    def __init__(self, cloud: ServedCloud) -> None:
        front = cloud._front
        self._proxy, self._trust = front.gateway.url, front.gateway.ca_file.read_bytes()
        self.owner = (("authorization", f"Bearer {front.tokens.issue(owner(cloud.settings.project)).value}"),)
        self._channels: list[grpc.aio.Channel] = []

    def channel(self, host: str = VERTEX, *, port: int = 443, **options: Any) -> grpc.aio.Channel:
        # Subchannels are shared by all channels of a process with the same options, if not local.
        options = {"grpc.http_proxy": self._proxy, "grpc.use_local_subchannel_pool": 1, **options}
        channel = grpc.aio.secure_channel(
            f"{host}:{port}", grpc.ssl_channel_credentials(self._trust), list(options.items())
        )
        self._channels.append(channel)
        return channel

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def call(
        self, method: str, request: dict[str, Any] | bytes, *, host: str = VERTEX, channel: Any = None, **options: Any
    ) -> Any:
        """JSON of the response to the call ``google.cloud.aiplatform.v1.JobService/ListCustomJobs``, or its bytes."""
        path, known = f"/{method}", find(f"/{method}")
        data = request
        if known is not None and isinstance(request, dict):
            data = json_format.ParseDict(request, known.request(), descriptor_pool=pool()).SerializeToString()
        options = {"timeout": 30, "metadata": self.owner, **options}
        response = await (channel or self.channel(host)).unary_unary(path)(data, **options)
        if known is None:
            return response
        return json_format.MessageToDict(known.response.FromString(response), descriptor_pool=pool())

    async def error(self, method: str, request: dict[str, Any] | bytes, **options: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.call(method, request, **options)
        return raised.value


def details_of(error: grpc.aio.AioRpcError) -> list[dict[str, Any]]:
    """Google's details of an error, as JSON."""
    packed = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    status = json_format.MessageToDict(message("google.rpc.Status").FromString(packed), descriptor_pool=pool())
    details: list[dict[str, Any]] = status.get("details", [])
    return details
