"""A discovery document: finds the method of a request, and checks the request against its schema.

Format: https://developers.google.com/discovery/v1/reference/apis. The documents are those that Google's own Python
client carries with it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote

import orjson

from cloud.emulator.rest.errors import InvalidRequest, Violation
from cloud.emulator.rest.field_mask import Mask, parse_fields
from cloud.emulator.rest.nesting import check_nesting
from cloud.emulator.rest.schemas import EnumNumbers, Schemas, message_name, parameter, snake
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json
from cloud.wire.discovery_documents import read_document

_ENUM_NUMBERS = ";enum-encoding=int"


@dataclass(frozen=True)
class Method:
    id: str
    """Google's: ``ml.projects.jobs.create``."""
    http_method: str
    path: str
    """Template below the host, ``v1/{+parent}/jobs``."""
    patterns: Mapping[str, str] = field(repr=False)
    """What each parameter in ``path`` may be, the first first."""
    parameters: Mapping[str, Json] = field(repr=False)
    """Of the query, by name."""
    request: str | None
    """Schema of the body; None where there is none."""
    response: str
    """Empty where there is nothing to answer."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Of a path without its verb, in which ``name`` is the first parameter."""
        # There are a thousand methods, and to compile a pattern takes a millisecond: it is done when needed.
        return re.compile(self._expression, re.DOTALL)

    @cached_property
    def slashes(self) -> int | None:
        """How many slashes a matching path has; None if that varies."""
        rest = self._expression.replace("[^/]+", "").replace("[^/]*", "")
        return None if "*" in rest or "+" in rest else rest.count("/")

    @cached_property
    def _expression(self) -> str:
        path, _ = _split_verb(self.path)
        pieces = re.split(r"\{\+?(\w+)\}", path)
        first = next(iter(self.patterns), "")
        return "/" + "".join(
            (f"(?P<name>{self.patterns[piece]})" if piece == first else self.patterns[piece])
            if number % 2
            else re.escape(piece)
            for number, piece in enumerate(pieces)
        )

    @property
    def body_name(self) -> str:
        """What errors call the body: nothing, if it is the whole request message, else the field it fills."""
        if self.request is None or self.request.endswith("Request"):
            return ""
        return snake(message_name(self.request).rpartition(".")[2])


class Discovery:
    """One API's document.

    Args:
        content: of the document, JSON.
        numbers: see ``Schemas``.
    """

    def __init__(self, content: bytes, numbers: EnumNumbers | None = None) -> None:
        document = orjson.loads(content)
        self.content = content
        self.schemas = Schemas(document["schemas"], numbers)
        self.methods = {method.id: method for method in _methods(document)}
        self._common = document["parameters"]
        self._found: dict[tuple[str, str, str], list[Method]] = {}
        for method in self.methods.values():
            path, verb = _split_verb(method.path)
            last = path.rpartition("/")[2]
            # The last segment of a path, unless it is an id, distinguishes most methods.
            key = (method.http_method, "" if "{" in last else last, verb)
            self._found.setdefault(key, []).append(method)

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        """The method meant, and the resource name in its path, unquoted.

        Raises:
            NotFound: there is no such method.
        """
        path, verb = _split_verb(raw_path)
        for last in (path.rpartition("/")[2], ""):
            for method in self._found.get((http_method, last, verb), ()):
                if method.slashes not in (None, path.count("/")):
                    continue
                if match := method.pattern.fullmatch(path):
                    return method, _unquote(match["name"] if method.patterns else "")
        raise NotFound(
            f"The requested URL {raw_path[:300]} was not found on this server: no method answers {http_method}."
        )

    def query(self, method: Method, given: Mapping[str, list[str]]) -> dict[str, Json]:
        """The query's parameters, checked and converted; ``given`` holds every value of each. Repeated ones are lists.

        Raises:
            InvalidArgument: ``fields`` is not in its grammar.
            InvalidRequest: one is not known, or has a wrong value.
        """
        if not given:
            return {}
        known, violations = self._common | dict(method.parameters), list[Violation]()
        read: dict[str, Json] = {}
        for name, values in given.items():
            spelled = name if name in known else _camel(name.removeprefix("$"))
            if spelled not in known:
                text = f'Invalid JSON payload received. Unknown name "{name[:200]}": Cannot bind query parameter. '
                why = f"Field '{name[:200]}' could not be found in request message."
                violations.append(Violation("", text + why))
            elif len(values) > 1 and not known[spelled].get("repeated"):
                why = "Proto field is not repeating, cannot start list."
                violations.append(Violation("", f'Invalid JSON payload received. Unknown name "{name[:200]}": {why}'))
            else:
                texts = [values[0].removesuffix(_ENUM_NUMBERS)] if spelled == "alt" else values
                converted = [parameter(known[spelled], text, spelled) for text in texts]
                violations += [violation for _, wrong in converted for violation in wrong]
                found = [value for value, _ in converted]
                read[spelled] = found if known[spelled].get("repeated") else found[0]
        if violations:
            raise InvalidRequest(violations)
        if read.get("fields") and not method.response.endswith("HttpBody"):
            self._check_fields(method.response, parse_fields(read["fields"]))
        return read

    def _check_fields(self, response: str, mask: Mask, above: tuple[str, ...] = ()) -> None:
        for name, below in mask.items():
            path = (*above, name)
            if "*" not in path and self.schemas.json_path(response, ".".join(path)) is None:
                why = "Error expanding 'fields' parameter. Cannot find matching fields for path "
                raise InvalidRequest([Violation("/".join(path)[:200], f"{why}'{'/'.join(path)[:200]}'.")])
            self._check_fields(response, below or {}, path)

    def body(self, method: Method, content: bytes) -> dict[str, Json]:
        """The body in normal form; an empty one is an empty message.

        Raises:
            InvalidArgument: it is no JSON.
            InvalidRequest: it is no message of the method's.
        """
        if method.request is None:
            return {}
        message = parse(content)
        if not method.body_name and isinstance(message, dict):
            # The message has fields for what is in the path, too, which the document leaves out: the path's count.
            repeated = {name for name in method.patterns if self.schemas.json_path(method.request, name) is None}
            message = {key: value for key, value in message.items() if key not in repeated}
        return self.schemas.read(method.request, message, method.body_name)


def wants_enum_numbers(given: Mapping[str, str]) -> bool:
    """Whether a query requests enums by number, as Google's generated clients (GAPIC) do over REST."""
    return any(given.get(name, "").endswith(_ENUM_NUMBERS) for name in ("$alt", "alt"))


def parse(content: bytes) -> Json:
    """JSON; nothing at all is an empty object.

    Raises:
        InvalidArgument: it is not JSON, or nested too deeply.
    """
    if not content.strip():
        return {}
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from None
    check_nesting(content, value)
    return value


_loaded: dict[tuple[str, bool], Discovery] = {}


def load(name: str, numbers: EnumNumbers | None = None) -> Discovery:
    """The document ``name`` (``ml.v1``), read once.

    Args:
        numbers: see ``Schemas``.

    Raises:
        FailedPrecondition: google-api-python-client is not installed, or has no such document.
    """
    key = name, numbers is not None  # one that does not know its numbers must not stand for one that does
    if key not in _loaded:
        _loaded[key] = Discovery(read_document(name), numbers)
    return _loaded[key]


def _methods(resource: Json) -> Iterator[Method]:
    for found in resource.get("methods", {}).values():
        parameters = found.get("parameters", {})
        # {+name} may be of several segments, {name} is one.
        patterns = {
            key: spec.get("pattern", ".+" if f"{{+{key}}}" in found["path"] else "[^/]+")
            for key, spec in parameters.items()
            if spec["location"] == "path"
        }
        yield Method(
            id=found["id"],
            http_method=found["httpMethod"],
            path=found["path"],
            patterns={
                key: patterns[key].removeprefix("^").removesuffix("$")
                for key in found.get("parameterOrder", patterns)
                if key in patterns
            },
            parameters={key: spec for key, spec in parameters.items() if spec["location"] == "query"},
            request=found.get("request", {}).get("$ref"),
            response=found.get("response", {}).get("$ref", ""),
        )
    for below in resource.get("resources", {}).values():
        yield from _methods(below)


def _split_verb(path: str) -> tuple[str, str]:
    """``v1/projects/p:predict`` is ``v1/projects/p`` and ``predict``: a colon in the last segment sets off a verb, but
    for that of a digest."""
    before, colon, after = path.rpartition(":")
    return (before, after) if colon and "/" not in after and not before.endswith("sha256") else (path, "")


def _unquote(name: str) -> str:
    try:
        segments = [unquote(segment, errors="strict") for segment in name.split("/")]
    except UnicodeDecodeError:
        raise NotFound(f"not UTF-8: {name[:300]!r}") from None
    # A slash that was quoted is part of an id, and no id has one.
    return "/".join(segment.replace("/", "%2F") for segment in segments)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)
