"""Writes ``methods.json`` and ``messages.binpb`` of ``cloud/emulator/grpc`` from Google's own client libraries.

    pip install google-cloud-aiplatform google-cloud-iam google-cloud-logging google-cloud-resource-manager
    python docs/grpc_methods.py

Paths and messages come from the clients' gRPC transports, verbs and URIs from their REST transports.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import descriptor_pb2, empty_pb2
from google.rpc import error_details_pb2, status_pb2

FOLDER = Path(__file__).parent.parent / "cloud" / "emulator" / "grpc"
CLIENTS = ("aiplatform_v1", "aiplatform_v1beta1", "iam_credentials_v1")
"""All of their services."""
SERVICES = (
    "google.cloud.resourcemanager_v3.services.projects",
    "google.cloud.logging_v2.services.logging_service_v2",
)

_LRO, _LOCATIONS, _POLICY = operations_pb2, locations_pb2, iam_policy_pb2
_OPERATION, _EMPTY = operations_pb2.Operation, empty_pb2.Empty
MIXINS: dict[str, tuple[Any, Any, str, str]] = {
    # Served by every API; they are in no transport of their own.
    # https://github.com/googleapis/googleapis/blob/master/google/longrunning/operations.proto
    "google.longrunning.Operations/ListOperations": (
        *(_LRO.ListOperationsRequest, _LRO.ListOperationsResponse),
        *("get", "/v1/{name=**}/operations"),
    ),
    "google.longrunning.Operations/GetOperation": (_LRO.GetOperationRequest, _OPERATION, "get", "/v1/{name=**}"),
    "google.longrunning.Operations/DeleteOperation": (_LRO.DeleteOperationRequest, _EMPTY, "delete", "/v1/{name=**}"),
    "google.longrunning.Operations/CancelOperation": (
        *(_LRO.CancelOperationRequest, _EMPTY),
        *("post", "/v1/{name=**}:cancel"),
    ),
    "google.longrunning.Operations/WaitOperation": (
        _LRO.WaitOperationRequest,
        _OPERATION,
        "post",
        "/v1/{name=**}:wait",
    ),
    "google.cloud.location.Locations/ListLocations": (
        *(_LOCATIONS.ListLocationsRequest, _LOCATIONS.ListLocationsResponse),
        *("get", "/v1/{name=**}/locations"),
    ),
    "google.cloud.location.Locations/GetLocation": (
        *(_LOCATIONS.GetLocationRequest, _LOCATIONS.Location),
        *("get", "/v1/{name=**}"),
    ),
    "google.iam.v1.IAMPolicy/SetIamPolicy": (
        *(_POLICY.SetIamPolicyRequest, policy_pb2.Policy),
        *("post", "/v1/{resource=**}:setIamPolicy"),
    ),
    "google.iam.v1.IAMPolicy/GetIamPolicy": (
        *(_POLICY.GetIamPolicyRequest, policy_pb2.Policy),
        *("post", "/v1/{resource=**}:getIamPolicy"),
    ),
    "google.iam.v1.IAMPolicy/TestIamPermissions": (
        *(_POLICY.TestIamPermissionsRequest, _POLICY.TestIamPermissionsResponse),
        *("post", "/v1/{resource=**}:testIamPermissions"),
    ),
}
LOGGING = {
    # Its client has no REST transport: https://github.com/googleapis/googleapis/blob/master/google/logging/v2/logging.proto
    "ListLogEntries": {"method": "post", "uri": "/v2/entries:list", "body": "*"},
    "WriteLogEntries": {"method": "post", "uri": "/v2/entries:write", "body": "*"},
    "ListLogs": {"method": "get", "uri": "/v2/{parent=*/*}/logs"},
    "DeleteLog": {"method": "delete", "uri": "/v2/{log_name=*/*/logs/*}"},
    "ListMonitoredResourceDescriptors": {"method": "get", "uri": "/v2/monitoredResourceDescriptors"},
}


class RecordingChannel:
    """Stands for a channel; remembers the path of the last method that a transport made."""

    path = ""

    def unary_unary(self, path: str, **_: Any) -> None:
        self.path = path

    unary_stream = stream_unary = stream_stream = unary_unary


class Messages:
    """The files that define messages, each once and after those that it imports."""

    def __init__(self) -> None:
        self.files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(self, file: Any) -> None:
        if file.name not in self.files:
            for dependency in file.dependencies:
                self.add(dependency)
            self.files[file.name] = descriptor_pb2.FileDescriptorProto()
            file.CopyToProto(self.files[file.name])

    def name(self, message: Any) -> str:
        """The full name of a message's class, whose file is added."""
        descriptor = message.pb().DESCRIPTOR if hasattr(message, "pb") else message.DESCRIPTOR
        self.add(descriptor.file)
        return str(descriptor.full_name)


def services() -> Iterator[str]:
    for client in CLIENTS:
        package = importlib.import_module(f"google.cloud.{client}.services")
        for service in pkgutil.iter_modules(package.__path__):
            yield f"{package.__name__}.{service.name}"
    yield from SERVICES


def methods_of(service: str) -> Iterator[tuple[str, Any, Any]]:
    """Path, request and response of each method."""
    transport_class = _class(f"{service}.transports.grpc", "GrpcTransport")
    recorded, transport = RecordingChannel(), transport_class.__new__(transport_class)
    transport._stubs, transport._logged_channel, transport._grpc_channel = {}, recorded, recorded
    for name, value in vars(transport_class).items():
        if isinstance(value, property) and name not in ("kind", "grpc_channel", "operations_client"):
            getattr(transport, name)
            # Callable[[Request], Response], or Union[Response, Awaitable[Response]] in a base class
            (request,), response = get_args(get_type_hints(value.fget)["return"])
            yield recorded.path, request, (get_args(response) or (response,))[0]


def rules_of(service: str, name: str) -> list[dict[str, str]]:
    """How the method is requested over REST; a stream of requests cannot be."""
    try:
        base = _class(f"{service}.transports.rest_base", "RestTransport")
    except ModuleNotFoundError:
        return [LOGGING[name]] if name in LOGGING else []
    rules: list[dict[str, str]] = getattr(getattr(base, f"_Base{name}"), "_get_http_options", list)()
    return rules


def main() -> None:
    messages = Messages()
    methods: dict[str, Any] = {}
    for service in services():
        for path, request, response in methods_of(service):
            if path.lstrip("/") not in MIXINS and (rules := rules_of(service, path.rpartition("/")[2])):
                names = {"request": messages.name(request), "response": messages.name(response)}
                methods[path] = {**names, "http": rules}
    for name, (request, response, verb, uri) in MIXINS.items():
        rule = {"method": verb, "uri": uri, **({"body": "*"} if verb == "post" else {})}
        names = {"request": messages.name(request), "response": messages.name(response)}
        methods[f"/{name}"] = {**names, "http": [rule]}
    for module in (status_pb2, error_details_pb2):
        messages.add(module.DESCRIPTOR)
    shipped = descriptor_pb2.FileDescriptorSet(file=messages.files.values())
    (FOLDER / "messages.binpb").write_bytes(shipped.SerializeToString(deterministic=True))
    rows = ",\n".join(f"{json.dumps(path)}: {json.dumps(method)}" for path, method in sorted(methods.items()))
    (FOLDER / "methods.json").write_text(f"{{\n{rows}\n}}\n")


def _class(module: str, suffix: str) -> Any:
    found = vars(importlib.import_module(module))
    return next(value for name, value in found.items() if name.endswith(suffix) and value.__module__ == module)


if __name__ == "__main__":
    main()
