"""Every other API of Google's: refused at once, as Google refuses one that is not enabled in the project.

Clients repeat failed connections and 5xx for minutes, but this error never
(https://cloud.google.com/service-usage/docs/troubleshoot-activation).
"""

from typing import NoReturn

from aiohttp import web

from cloud.emulator.not_emulated.services import instead_of, service_of
from cloud.emulator.rest.errors import ServiceNotEmulated
from cloud.engine.principal import Principal
from cloud.engine.project.identities import project_number

HOSTS = r"(?:.+\.)?googleapis\.com|accounts\.google\.com|(?:.+\.)?(?:pkg\.dev|gcr\.io)|.+\.vertexai\.goog"
"""All that the gateway passes on: ``cloud.gateway.hosts``."""


class NotEmulatedHosts:
    """
    Args:
        project: its id, which the errors name as the consumer.
    """

    def __init__(self, project: str) -> None:
        self._consumer = f"projects/{project_number(project)}"

    def method_id(self, request: web.Request) -> str:
        return _service(request)

    async def handle(self, request: web.Request, _: Principal) -> NoReturn:
        """Raises:
        ServiceNotEmulated: always.
        """
        service = _service(request)
        raise ServiceNotEmulated(
            f"{service} is not emulated here, and nothing is passed on to Google. Instead: {instead_of(service)}.",
            service=service,
            consumer=self._consumer,
        )


def _service(request: web.Request) -> str:
    host, _, _ = request.host.lower().partition(":")
    return service_of(host.removesuffix("."), request.path)
