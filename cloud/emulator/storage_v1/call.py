"""One request of the storage API, read: its parameters, checked, and where it came in."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import hdrs, web

from cloud.emulator.storage_v1.transcoding import gunzipped
from cloud.engine.principal import Principal
from cloud.engine.storage.preconditions import Preconditions
from cloud.errors import InvalidArgument
from cloud.resources import Json

_LONGEST_JSON = 1 << 20


@dataclass(frozen=True, slots=True)
class Call:
    request: web.Request
    principal: Principal
    path: Mapping[str, str]
    """What the braces of the route's path stand for, unquoted."""

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    def integer(self, name: str) -> int | None:
        """A query parameter that is a whole number, None if it is not given.

        Raises:
            InvalidArgument: it is something else.
        """
        text = self.query.get(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 19:
            raise InvalidArgument(f"Invalid unsigned integer value: {text[:100]!r}.", field=name)
        return int(text)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() == "true"

    def conditions(self, suffix: str = "") -> Preconditions:
        """``ifGenerationMatch`` and its siblings; with ``suffix`` "Source", ``ifSourceGenerationMatch`` and so on."""
        return Preconditions(
            generation_match=self.integer(f"if{suffix}GenerationMatch"),
            generation_not_match=self.integer(f"if{suffix}GenerationNotMatch"),
            metageneration_match=self.integer(f"if{suffix}MetagenerationMatch"),
            metageneration_not_match=self.integer(f"if{suffix}MetagenerationNotMatch"),
        )

    def body(self) -> AsyncIterator[bytes]:
        """What was sent, as it comes. To the JSON API ``Content-Encoding`` is of the way, not of the object: so
        ``gsutil cp -J`` and ``gcloud storage cp --gzip-in-flight`` send what is to be stored as it was.

        Raises:
            InvalidArgument: while it is read, if it is said to be gzip and is not.
        """
        blocks = self.request.content.iter_any()
        is_gzip = self.request.headers.get(hdrs.CONTENT_ENCODING, "").lower() == "gzip"
        return gunzipped(blocks) if is_gzip else blocks

    async def json(self) -> dict[str, Any]:
        """The body, a JSON object; none is an empty one.

        Raises:
            InvalidArgument: it is something else, or too long for what it can be.
        """
        body = bytearray()
        async for block in self.body():
            body += block
            if len(body) > _LONGEST_JSON:
                raise InvalidArgument(f"the body is longer than {_LONGEST_JSON} bytes", field="body")
        return parse_object(bytes(body))

    @property
    def base_url(self) -> str:
        """The address the caller used: the gateway, which ends TLS, says so in ``X-Forwarded-Proto``."""
        scheme = self.request.headers.get("X-Forwarded-Proto", self.request.scheme)
        return f"{scheme}://{self.request.host}"


def parse_object(body: bytes) -> dict[str, Any]:
    """Raises:
    InvalidArgument: not a JSON object.
    """
    if not body.strip():
        return {}
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument(f"Parse Error: {error}", field="body") from None
    if not isinstance(value, dict):
        raise InvalidArgument("Parse Error: a JSON object is expected", field="body")
    return value
