"""Service Usage: which of Google's APIs the project may use. Those that are emulated are enabled, the others disabled.

https://cloud.google.com/service-usage/docs/reference/rest. ``gcloud services enable`` and ``list`` call it, with
which most tutorials begin.
"""

from collections.abc import Iterable, Sequence

from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import list_page, of_items
from cloud.emulator.serviceusage.services import EMULATED
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.resources import Json

HOSTS = r"serviceusage(?:\.mtls)?\.googleapis\.com"
_ON = "serviceusage.services."
_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
_DONE = "operations/noop.DONE_OPERATION"
"""Google's name of the operation that enables what is enabled."""
_MOST_ENABLED, _MOST_READ = 20, 30
"""Services in one request."""


class ServiceUsageV1(Api):
    SERVICE, DOCUMENT = "serviceusage.googleapis.com", "serviceusage.v1"

    def routes(self) -> Iterable[Route]:
        return [
            Route(_ON + "list", self._list, _ON + "list"),
            Route(_ON + "get", self._get, _ON + "get"),
            Route(_ON + "batchGet", self._batch_get, _ON + "get"),
            Route(_ON + "enable", self._enable, _ON + "enable"),
            Route(_ON + "batchEnable", self._batch_enable, _ON + "enable"),
            Route("serviceusage.operations.get", self._operation),
        ]

    def _own(self, name: str, permission: str) -> str:
        # Operations belong to no project.
        return name if name.startswith("operations/") else super()._own(name, permission)

    async def _list(self, call: Call) -> Json:
        return await list_page(call, "services", of_items(list(EMULATED), lambda name: name, self._service))

    async def _get(self, call: Call) -> Json:
        return self._service(call.name.rpartition("/")[2])

    async def _batch_get(self, call: Call) -> Json:
        names = call.query.get("names", [])
        if not 0 < len(names) <= _MOST_READ:
            raise InvalidArgument(f"from 1 to {_MOST_READ} names, not {len(names)}", field="names")
        return {"services": [self._service(name.rpartition("/")[2]) for name in names]}

    async def _enable(self, call: Call) -> Json:
        service = call.name.rpartition("/")[2]
        _check_emulated([service])
        return _finished("EnableServiceResponse", {"service": self._service(service)})

    async def _batch_enable(self, call: Call) -> Json:
        """All of them or none, as at Google."""
        services = call.body.get("serviceIds", [])
        if not 0 < len(services) <= _MOST_ENABLED:
            raise InvalidArgument(f"from 1 to {_MOST_ENABLED} services, not {len(services)}", field="service_ids")
        _check_emulated(services)
        return _finished("BatchEnableServicesResponse", {"services": [self._service(each) for each in services]})

    async def _operation(self, call: Call) -> Json:
        if call.name != _DONE:
            raise self.denied("serviceusage.operations.get", call.name)
        return {"name": _DONE, "done": True, "response": {"@type": _TYPE + "EnableServiceResponse"}}

    def _service(self, service: str) -> dict[str, Json]:
        parent = f"projects/{self.number}"
        found: dict[str, Json] = {"name": f"{parent}/services/{service}", "parent": parent}
        title = EMULATED.get(service)
        config = {"name": service} | ({"title": title} if title else {})
        return found | {"config": config, "state": "ENABLED" if title else "DISABLED"}


def _check_emulated(services: Sequence[str]) -> None:
    """Raises:
    FailedPrecondition: one of them is not.
    """
    if missing := [service for service in services if service not in EMULATED]:
        are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise FailedPrecondition(
            f"{', '.join(each[:100] for each in missing)} {are} not emulated here, and this cloud is offline: leave "
            f"{them} out. The services that are emulated are enabled: `gcloud services list` lists them."
        )


def _finished(message: str, response: dict[str, Json]) -> Json:
    return {"name": _DONE, "done": True, "response": {"@type": _TYPE + message, **response}}
