"""A discovery document put to work: which method a request means, and whether it and its answer are well formed.

Format: https://developers.google.com/discovery/v1/reference/apis. The documents are those that Google's own Python
client carries with it.
"""

import functools
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import orjson

from cloud.emulator.envelopes import InvalidRequest, Violation
from cloud.emulator.schemas import Schemas, parameter
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound
from cloud.resources import Json


@dataclass(frozen=True, slots=True)
class Method:
    id: str
    """Google's: ``ml.projects.jobs.create``."""
    http_method: str
    path: str
    """Template below the host, ``v1/{+parent}/jobs``."""
    path_parameter: str
    """The one name in ``path``."""
    resource: re.Pattern[str]
    """What the name may be."""
    parameters: Mapping[str, Json] = field(repr=False)
    """Of the query, by name."""
    request: str | None
    """Schema of the body; None where there is none."""
    response: str

    @property
    def body_name(self) -> str:
        """What errors call the body: nothing, if it is the whole request message, else the field it fills."""
        if self.request is None or self.request.endswith("Request"):
            return ""
        return self.request.rpartition("_")[2].lower()


class Discovery:
    """One API's document.

    Args:
        content: of the document, JSON.
    """

    def __init__(self, content: bytes) -> None:
        document = orjson.loads(content)
        self.content = content
        self.schemas = Schemas(document["schemas"])
        self.methods = {method.id: method for method in _methods(document)}
        self._common = document["parameters"]
        self._found: dict[tuple[str, str, str], list[tuple[re.Pattern[str], Method]]] = {}
        for method in self.methods.values():
            path, verb = _split_verb(method.path)
            before, _, after = path.partition(f"{{+{method.path_parameter}}}")
            pattern = f"/{re.escape(before)}(?P<name>{method.resource.pattern}){re.escape(after)}"
            # The last segment of a path, unless it is an id, tells most methods apart.
            key = (method.http_method, after.rpartition("/")[2], verb)
            self._found.setdefault(key, []).append((re.compile(pattern, re.DOTALL), method))

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        """The method meant, and the resource name in its path, unquoted.

        Raises:
            NotFound: there is no such method.
        """
        path, verb = _split_verb(raw_path)
        for last in (path.rpartition("/")[2], ""):
            for pattern, method in self._found.get((http_method, last, verb), ()):
                match = pattern.fullmatch(path)
                if match:
                    return method, _unquote(match["name"])
        raise NotFound(
            f"The requested URL {raw_path[:300]} was not found on this server: no method answers {http_method}."
        )

    def query(self, method: Method, given: Mapping[str, list[str]]) -> dict[str, Json]:
        """The query's parameters, checked and converted; ``given`` holds every value of each.

        Raises:
            InvalidRequest: one is not known, or has a wrong value.
        """
        if not given:
            return {}
        known, read, violations = self._common | dict(method.parameters), {}, list[Violation]()
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
                read[spelled], wrong = parameter(known[spelled], values[0], spelled)
                violations += wrong
        if violations:
            raise InvalidRequest(violations)
        return read

    def body(self, method: Method, content: bytes) -> dict[str, Json]:
        """The body in normal form; an empty one is an empty message.

        Raises:
            InvalidArgument: it is no JSON.
            InvalidRequest: it is no message of the method's.
        """
        if method.request is None:
            return {}
        return self.schemas.read(method.request, parse(content), method.body_name)


def parse(content: bytes) -> Json:
    """JSON; nothing at all is an empty object.

    Raises:
        InvalidArgument: it is something else.
    """
    if not content.strip():
        return {}
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from None


@functools.cache
def load(name: str) -> Discovery:
    """The document ``name`` (``ml.v1``).

    Raises:
        FailedPrecondition: google-api-python-client is not installed, or has no such document.
    """
    package = importlib.util.find_spec("googleapiclient")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / "discovery_cache" / "documents" / f"{name}.json"
        if path.is_file():
            return Discovery(path.read_bytes())
    raise FailedPrecondition(f"there is no discovery document {name}: install google-api-python-client")


def _methods(resource: Json) -> Iterator[Method]:
    for found in resource.get("methods", {}).values():
        parameters = found.get("parameters", {})
        name = next(name for name, spec in parameters.items() if spec["location"] == "path")
        yield Method(
            id=found["id"],
            http_method=found["httpMethod"],
            path=found["path"],
            path_parameter=name,
            resource=re.compile(parameters[name]["pattern"].removeprefix("^").removesuffix("$")),
            parameters={key: spec for key, spec in parameters.items() if spec["location"] == "query"},
            request=found.get("request", {}).get("$ref"),
            response=found["response"]["$ref"],
        )
    for below in resource.get("resources", {}).values():
        yield from _methods(below)


def _split_verb(path: str) -> tuple[str, str]:
    """``v1/projects/p:predict`` is ``v1/projects/p`` and ``predict``: a colon in the last segment sets off a verb."""
    before, colon, after = path.rpartition(":")
    return (before, after) if colon and "/" not in after else (path, "")


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
