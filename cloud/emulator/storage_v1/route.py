"""A method of Cloud Storage and its handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.resources import Json

Handler = Callable[[Call], Awaitable[web.StreamResponse | Json | None]]
"""Returns the JSON of a response, None for 204, or a whole response."""


@dataclass(frozen=True, slots=True)
class Route:
    method_id: str
    """Google's, as in the discovery document ``storage.v1``."""
    handler: Handler
    media: tuple[str, str] | None = None
    """HTTP method and path of a request for bytes; where other requests go is in the discovery document."""
