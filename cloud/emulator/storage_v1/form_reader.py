"""``FormReader``: the parts of an HTML form's body, one after the other (RFC 7578)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import content_disposition_filename, parse_content_disposition

from cloud.emulator.storage_v1.multipart import MultipartReader
from cloud.errors import InvalidArgument

_NEWLINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of a part before its content."""

    name: str
    """Of its field."""
    filename: str
    """Empty if it has none."""


class FormReader(MultipartReader):
    """After ``part``, either ``text`` or ``media`` reads the part's content. After ``media`` nothing more is read."""

    def __init__(self, body: AsyncIterator[bytes], boundary: bytes) -> None:
        super().__init__(body, boundary)
        self._newline, self._mark = _NEWLINE, _NEWLINE + self._boundary
        # The first boundary is a line's start, too.
        self._rest = _NEWLINE
        self._is_first = True

    async def part(self) -> Part | None:
        """The next one; None at the end.

        Raises:
            InvalidArgument: the body is no form, or ends too early.
        """
        if self._is_first:
            await self._until(self._mark)
            self._is_first = False
        rest_of_line = await self._until(_NEWLINE)
        if rest_of_line.startswith(b"--"):
            return None
        self._rest = _NEWLINE + self._rest
        headers = await self._until(_NEWLINE * 2)
        for line in headers.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-disposition":
                kind, parameters = parse_content_disposition(value.strip())
                if kind == "form-data" and "name" in parameters:
                    return Part(parameters["name"], content_disposition_filename(parameters) or "")
        raise InvalidArgument("A part of the form has no name (Content-Disposition: form-data)", field="body")

    async def text(self) -> str:
        """The content of a field.

        Raises:
            InvalidArgument: it is not UTF-8, or the body ends within it.
        """
        content = await self._until(self._mark)
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise InvalidArgument("A field of the form is not UTF-8", field="body") from None
