r"""Writes ``methods.json`` and ``messages.binpb`` of ``cloud/emulator/grpc`` from Google's own client libraries.

    pip install google-cloud-aiplatform google-cloud-artifact-registry google-cloud-build google-cloud-iam \
        google-cloud-logging google-cloud-resource-manager google-cloud-service-usage
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
CLIENTS = (
    *("aiplatform_v1", "aiplatform_v1beta1", "artifactregistry_v1", "devtools.cloudbuild_v1"),
    *("iam_admin_v1", "iam_credentials_v1", "service_usage_v1"),
)
"""All of their services."""
SERVICES = (
    "google.cloud.resourcemanager_v3.services.projects",
    "google.cloud.logging_v2.services.logging_service_v2",
)

IN_OPERATIONS = (("google.cloud.artifactregistry_v1", "OperationMetadata"),)
"""Messages that are in operations only, of modules that no request needs."""

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
_ACCOUNT = "/v1/{name=projects/*/serviceAccounts/*}"
WITHOUT_REST: dict[str, dict[str, tuple[str, str]]] = {
    # Services whose clients have no REST transport; a body is all that the path does not have.
    # https://github.com/googleapis/googleapis/blob/master/google/logging/v2/logging.proto
    "google.cloud.logging_v2.services.logging_service_v2": {
        "ListLogEntries": ("post", "/v2/entries:list"),
        "WriteLogEntries": ("post", "/v2/entries:write"),
        "ListLogs": ("get", "/v2/{parent=*/*}/logs"),
        "DeleteLog": ("delete", "/v2/{log_name=*/*/logs/*}"),
        "ListMonitoredResourceDescriptors": ("get", "/v2/monitoredResourceDescriptors"),
    },
    # https://github.com/googleapis/googleapis/blob/master/google/iam/admin/v1/iam.proto
    "google.cloud.iam_admin_v1.services.iam": {
        "ListServiceAccounts": ("get", "/v1/{name=projects/*}/serviceAccounts"),
        "GetServiceAccount": ("get", _ACCOUNT),
        "CreateServiceAccount": ("post", "/v1/{name=projects/*}/serviceAccounts"),
        "DeleteServiceAccount": ("delete", _ACCOUNT),
        "UpdateServiceAccount": ("put", _ACCOUNT),
        "PatchServiceAccount": ("patch", "/v1/{service_account.name=projects/*/serviceAccounts/*}"),
        "EnableServiceAccount": ("post", f"{_ACCOUNT}:enable"),
        "DisableServiceAccount": ("post", f"{_ACCOUNT}:disable"),
        "UndeleteServiceAccount": ("post", f"{_ACCOUNT}:undelete"),
        "ListServiceAccountKeys": ("get", f"{_ACCOUNT}/keys"),
        "GetServiceAccountKey": ("get", "/v1/{name=projects/*/serviceAccounts/*/keys/*}"),
        "CreateServiceAccountKey": ("post", f"{_ACCOUNT}/keys"),
        "DeleteServiceAccountKey": ("delete", "/v1/{name=projects/*/serviceAccounts/*/keys/*}"),
        "SignBlob": ("post", f"{_ACCOUNT}:signBlob"),
        "SignJwt": ("post", f"{_ACCOUNT}:signJwt"),
        "GetIamPolicy": ("post", "/v1/{resource=projects/*/serviceAccounts/*}:getIamPolicy"),
        "SetIamPolicy": ("post", "/v1/{resource=projects/*/serviceAccounts/*}:setIamPolicy"),
        "TestIamPermissions": ("post", "/v1/{resource=projects/*/serviceAccounts/*}:testIamPermissions"),
        "ListRoles": ("get", "/v1/roles"),
        "GetRole": ("get", "/v1/{name=roles/*}"),
        "QueryGrantableRoles": ("post", "/v1/roles:queryGrantableRoles"),
    },
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
            # Of proto-plus they are in another order each time.
            for dependency in sorted(file.dependencies, key=lambda dependency: dependency.name):
                self.add(dependency)
            self.files[file.name] = copy = descriptor_pb2.FileDescriptorProto()
            file.CopyToProto(copy)
            if not copy.public_dependency:  # these are positions
                copy.dependency.sort()

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
    if service in WITHOUT_REST:
        return [_rule(*WITHOUT_REST[service][name])] if name in WITHOUT_REST[service] else []
    base = _class(f"{service}.transports.rest_base", "RestTransport")
    rules: list[dict[str, str]] = getattr(getattr(base, f"_Base{name}"), "_get_http_options", list)()
    return rules


def _rule(verb: str, uri: str) -> dict[str, str]:
    return {"method": verb, "uri": uri, **({} if verb in ("get", "delete") else {"body": "*"})}


def main() -> None:
    messages = Messages()
    methods: dict[str, Any] = {}
    for service in services():
        for path, request, response in methods_of(service):
            if path.lstrip("/") not in MIXINS and (rules := rules_of(service, path.rpartition("/")[2])):
                names = {"request": messages.name(request), "response": messages.name(response)}
                methods[path] = {**names, "http": rules}
    for name, (request, response, verb, uri) in MIXINS.items():
        names = {"request": messages.name(request), "response": messages.name(response)}
        methods[f"/{name}"] = {**names, "http": [_rule(verb, uri)]}
    for client, message in IN_OPERATIONS:
        messages.name(getattr(importlib.import_module(client), message))
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
