"""Random requests that a discovery document allows, and the same with one thing wrong in the body: strategies."""

import base64
import functools
import string
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
from hypothesis import strategies as st

from cloud.emulator.rest.discovery import Discovery, Method
from cloud.resources import Json

IDS = ("a", "b", "census_1")
"""Few, so that requests meet what others have made."""
_TEXTS = st.one_of(
    st.sampled_from(
        [*IDS, "", "gs://bucket/x", "us-central1", "1.8", "3.5", "n1-standard-4", "mls1-c1-m2", "standard"]
    ),
    st.text(max_size=8),
)


@dataclass(frozen=True, slots=True)
class Request:
    method: Method
    verb: str
    path: str
    body: Json


class Requests:
    """Strategies over the methods of ``document`` whose ids ``wanted`` holds."""

    def __init__(self, document: Discovery, wanted: set[str], project: str, location: str = IDS[0]) -> None:
        self._schemas = orjson.loads(document.content)["schemas"]
        self._project, self._location = project, location
        self.methods = [method for method in document.methods.values() if method.id in wanted]

    @functools.cache  # noqa: B019 - lives as long as the test
    def message(self, name: str) -> st.SearchStrategy[dict[str, Json]]:
        """Any value of a schema."""

        def fields() -> st.SearchStrategy[dict[str, Json]]:
            properties = self._schemas[name].get("properties", {})
            return st.fixed_dictionaries({}, optional={field: self.value(spec) for field, spec in properties.items()})

        return st.deferred(fields)  # a schema may hold itself

    def value(self, spec: Json) -> st.SearchStrategy[Json]:
        if "$ref" in spec:
            return self.message(spec["$ref"])
        match spec["type"]:
            case "array":
                return st.lists(self.value(spec["items"]), max_size=2)
            case "object":
                below = self.value(spec.get("additionalProperties", {"type": "any"}))
                return st.dictionaries(st.text(string.ascii_lowercase, max_size=4), below, max_size=2)
            case "any":
                return st.one_of(st.none(), st.booleans(), st.text(max_size=4))
            case "boolean":
                return st.booleans()
            case "number":
                return st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just("NaN"))
            case "integer":
                return st.integers(-3, 200)
        if "enum" in spec:
            return st.sampled_from(spec["enum"])
        return {
            "int64": st.integers(-(2**63), 2**63 - 1).flatmap(
                lambda whole: st.sampled_from([whole, str(whole), "0", 1])
            ),
            "byte": st.binary(max_size=6).map(lambda data: base64.b64encode(data).decode()),
            "google-datetime": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
            "google-duration": st.integers(0, 10**6).map(lambda whole: f"{whole}s"),
            "google-fieldmask": st.sampled_from(["bindings,etag", "labels"]),
        }.get(spec.get("format", ""), _TEXTS)

    def valid(self, methods: list[Method] | None = None) -> st.SearchStrategy[Request]:
        """Requests for ``methods``, all of them by default."""
        return st.composite(lambda draw: self._draw(draw, methods or self.methods))()

    def invalid(self) -> st.SearchStrategy[Request]:
        """With one thing wrong in the body, which the document alone tells."""
        raw = ("PredictRequest", "ExplainRequest")
        methods = [method for method in self.methods if method.request and not method.request.endswith(raw)]
        return st.composite(lambda draw: self._spoil(draw, self._draw(draw, methods)))()

    def _draw(self, draw: st.DrawFn, methods: list[Method]) -> Request:
        method = draw(st.sampled_from(methods))
        anything = draw(st.sampled_from([f"{self._project}/models/a", f"{self._project}/models/b/versions/a"]))
        parameter, pattern = next(iter(method.patterns.items()))
        name = pattern.replace("[^/]+", self._project, 1).replace(".*", anything)
        name = name.replace("locations/[^/]+", f"locations/{self._location}")
        while "[^/]+" in name:
            name = name.replace("[^/]+", draw(st.sampled_from(IDS)), 1)
        query = {
            key: draw(st.sampled_from(["labels", "description", "etag"]) if key == "updateMask" else self.value(spec))
            for key, spec in method.parameters.items()
            if draw(st.booleans())
        }
        body: Json = b""
        if method.request is not None:
            body = draw(self.message(method.request))
            for field in ("jobId", "name"):
                if field in self._schemas[method.request].get("properties", {}) and draw(st.integers(0, 4)):
                    body[field] = draw(st.sampled_from(IDS))
        path = "/" + method.path.replace(f"{{+{parameter}}}", name)
        return Request(method, method.http_method, path + _written(query), body)

    def _spoil(self, draw: st.DrawFn, request: Request) -> Request:
        properties = self._schemas[request.method.request].get("properties", {})
        fields = {name: spec for name, spec in properties.items() if spec.get("type") != "any"}
        field = draw(st.sampled_from(["", *fields]))
        wrong = _wrong(fields[field]) if field else [1]
        unknown = st.sampled_from(["unknown", "x" * 300, "é", "@type"])
        body = request.body | {field or draw(unknown): draw(st.sampled_from(wrong))}
        return Request(request.method, request.verb, request.path.partition("?")[0], body)


def _wrong(spec: Json) -> list[Json]:
    if "$ref" in spec:
        return [1, "x", [], True]
    if "enum" in spec:
        return ["NO_SUCH_NAME", 1.5, -1, {}, 1000]
    return {
        "array": [1, "x", {}, True],
        "object": [1, "x", [], True],
        "boolean": ["yes", 2, {}, []],
        "integer": ["x", 1.5, 2**31, {}, True],
        "number": ["x", {}, True],
        "string": [{}, [], True, 0.5],
    }[spec["type"]]


def _written(given: dict[str, Json]) -> str:
    written = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
    return f"?{urlencode(written, errors='replace')}" if written else ""
