"""One request of the JSON or the XML API: its parameters, checked, its body, and the address the caller used."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from cloud.emulator.recorder import RECORD
from cloud.emulator.storage_v1.bodies import parse_body
from cloud.emulator.storage_v1.signatures.signers import Signers
from cloud.emulator.storage_v1.transcoding import gunzipped
from cloud.engine.principal import Principal
from cloud.engine.storage.errors import StorageFault
from cloud.engine.storage.preconditions import Preconditions
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument
from cloud.resources import Json


class MissingParameter(StorageFault, InvalidArgument):
    """A request lacks a parameter that its method needs."""

    reason = "required"


_LONGEST_JSON = 1 << 20
_GREATEST = (1 << 63) - 1
"""Of the numbers that Cloud Storage counts generations and versions of metadata by."""
_CONDITIONS = ("generation_match", "generation_not_match", "metageneration_match", "metageneration_not_match")


@dataclass(frozen=True, slots=True)
class Call:
    request: web.Request
    principal: Principal
    storage: StorageService
    path: Mapping[str, str]
    """Parameters in the path, unquoted, by their names in the discovery document."""
    method_id: str
    """Google's; a request of the XML API has that of the JSON API's method that does the same."""
    is_xml: bool = False
    signers: Signers = lambda *_: None
    """Verifies the signature of a form."""
    operations: dict[str, Json] = field(default_factory=dict)
    """Those of this run, by name, the oldest first. All are done."""

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    def integer(self, name: str) -> int | None:
        """A query parameter that is a whole number, None if it is not given.

        Raises:
            InvalidArgument: it is not a whole number.
        """
        return _integer(self.query, name)

    def required_integer(self, name: str) -> int:
        """Raises:
        MissingParameter: it is not given.
        """
        if (value := self.integer(name)) is None:
            raise MissingParameter(f"Required parameter: {name}", field=name)
        return value

    def wants_acls(self, *, default: bool) -> bool:
        """Whether an answer has access control lists and owners (``projection``)."""
        return self.query["projection"] == "full" if "projection" in self.query else default

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() == "true"

    def conditions(self, suffix: str = "") -> Preconditions:
        """``ifGenerationMatch`` and so on; with ``suffix`` "Source", ``ifSourceGenerationMatch`` and so on. The XML API
        has them as headers: ``x-goog-if-generation-match`` and so on.
        """
        if self.is_xml:
            names = {field: f"x-goog-if-{field.replace('_', '-')}" for field in _CONDITIONS}
        else:
            names = {field: f"if{suffix}{field.title().replace('_', '')}" for field in _CONDITIONS}
        given = self.request.headers if self.is_xml else self.query
        return Preconditions(**{field: _integer(given, name) for field, name in names.items()})

    def find_object(self) -> ObjectRecord:
        """The object in the path, if the request's preconditions hold."""
        return self.storage.objects.get(
            self.principal,
            self.path["bucket"],
            self.path["object"],
            conditions=self.conditions(),
            generation=self.generation(),
        )

    def generation(self) -> int | None:
        """The version of the object that is asked for, which clients of Amazon S3 call ``versionId``."""
        return self.integer("versionId" if self.is_xml and "versionId" in self.query else "generation")

    def body(self) -> AsyncIterator[bytes]:
        """The body, streamed. In the JSON API ``Content-Encoding: gzip`` belongs to the transfer, not to the object:
        ``gsutil cp -J`` and ``gcloud storage cp --gzip-in-flight`` send what is stored decompressed. In the XML API
        it is the object's: Google's client for Python sends it with the list of parts, which is plain.

        Raises:
            InvalidArgument: while it is read, if ``Content-Encoding`` is gzip and the body is not.
        """
        blocks = self.request.content.iter_any()
        is_gzip = not self.is_xml and self.request.headers.get(hdrs.CONTENT_ENCODING, "").lower() == "gzip"
        return gunzipped(blocks) if is_gzip else blocks

    async def json(self, schema: str) -> dict[str, Any]:
        """The body: see ``parse_body``.

        Raises:
            InvalidArgument: it is not of this schema, or longer than a megabyte.
        """
        return parse_body(await self.whole_body(_LONGEST_JSON), schema)

    async def whole_body(self, limit: int) -> bytes:
        """Raises:
        InvalidArgument: it has more than ``limit`` bytes.
        """
        body = bytearray()
        async for block in self.body():
            body += block
            if len(body) > limit:
                raise InvalidArgument(f"the body is longer than {limit} bytes", field="body")
        content = bytes(body)
        if call := self.request.get(RECORD):
            call.sent = content
        return content

    @property
    def base_url(self) -> str:
        """Scheme and host the caller used; the gateway, which terminates TLS, sets ``X-Forwarded-Proto``."""
        scheme = self.request.headers.get("X-Forwarded-Proto", self.request.scheme)
        return f"{scheme}://{self.request.host}"


def _integer(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    return whole_number(text, name)


def whole_number(text: str, field: str) -> int:
    """Raises:
    InvalidArgument: it is not one, or has more than 63 bits.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 19 or (value := int(text)) > _GREATEST:
        raise InvalidArgument(f"Invalid unsigned integer value: {text[:100]!r}.", field=field)
    return value
