"""Where the APIs are found, and where their requests come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from cloud.emulator.rest.errors import ErrorStyle
from cloud.engine.principal import ANONYMOUS, Principal
from cloud.resources.log_entries import LogEntry

LOOPBACK = r"localhost|127(?:\.\d+){3}|\[::1\]"
"""Names of this machine."""


class EmulatedApi(Protocol):
    """One of Google's APIs."""

    def method_id(self, request: web.Request, /) -> str:
        """Google's id of the method that is requested.

        Raises:
            NotFound: there is none.
        """

    async def handle(self, request: web.Request, principal: Principal, /) -> web.StreamResponse:
        """Answer ``request``, made by ``principal``.

        Raises:
            CloudError: becomes Google's error JSON.
        """


@dataclass(frozen=True, slots=True)
class RequestSource:
    """Where requests come from: the clients of one listener of the gateway."""

    principal: Principal = ANONYMOUS
    """Makes the requests without a token."""
    on_denial: Callable[[str], None] | None = None
    """Called with a sentence for each request that is refused for lack of a permission, or of its bucket."""
    on_not_emulated: Callable[[str, str], None] | None = None
    """Called with the host and a sentence for each request for what is not emulated."""
    write_log: Callable[[LogEntry], None] | None = None
    """Appends to the log of the job whose programs these clients are."""
    job_id: str = ""
    """Of the job whose programs these clients are; empty if they are no job's, or of one that cannot be told."""
    is_recorded: bool = True
    """Whether its requests are kept for the console: the console's own are not."""
    account: Principal = ANONYMOUS
    """Whose tokens the metadata server gives; anonymous: those of ``principal``, or of ML Engine's agent."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Where an API is found."""

    hosts: str
    """Regular expression for the whole host name, without port."""
    paths: str
    """Regular expression for the whole path."""
    api: EmulatedApi
    errors: ErrorStyle = ErrorStyle.PLATFORM
    """The style of error responses."""
    scopes: str = r"(?!)"
    """Regular expression for the API's own OAuth scopes, beside those of the platform."""
    requires_auth: bool = True
    """Whether bearer tokens are checked: the APIs that issue them take none."""
