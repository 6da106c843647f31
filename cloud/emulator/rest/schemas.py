"""JSON values against the schemas of a discovery document: converts what Google's front end accepts to normal form, and
reports the rest in its words. Pure.

Accepted and normal forms: https://protobuf.dev/programming-guides/json/. Texts: the public transcoding library of
Google's API front ends (https://github.com/protocolbuffers/protobuf/tree/v21.0/src/google/protobuf/util/internal).
"""

import json
import re
from collections.abc import Callable, Collection, Mapping

from cloud.emulator.rest.errors import InvalidRequest, Violation
from cloud.emulator.rest.scalars import SCALARS, SHOWN
from cloud.resources import Json

EnumNumbers = Mapping[str, Mapping[int, str]]
"""Names of enums by their numbers, by schema and field (``GoogleCloudAiplatformV1Scheduling.strategy``)."""
Fields = Mapping[str, tuple[str, Json]]
"""Name and specification of a message's fields, by each name that they may be given."""

_ENOUGH = 100
"""Faults in one request after which its check ends."""


class Schemas:
    """The schemas of one API.

    Args:
        schemas: the ``schemas`` of a discovery document.
        numbers: of the enums whose names are not in the order of their numbers, which a document lacks.
    """

    def __init__(self, schemas: Mapping[str, Json], numbers: EnumNumbers | None = None) -> None:
        self._schemas, self._numbers = schemas, numbers or {}
        self._read: dict[str, Fields] = {}

    def read(self, name: str, value: Json, path: str = "", *, numbers_as_texts: bool = False) -> dict[str, Json]:
        """``value`` in normal form: camel-case names, no nulls and no default values, int64 as strings, enums by name.

        Args:
            name: of the schema.
            path: where in the request it is, in snake case (``job``); empty for all of it.
            numbers_as_texts: whether a number is taken for a string, too, a whole one without a fraction.

        Raises:
            InvalidRequest: with all faults, or the first hundred.
        """
        reader = _Reader(self._fields, self._numbers, numbers_as_texts=numbers_as_texts)
        read = reader.message(name, value, path)
        if reader.violations:
            raise InvalidRequest(reader.violations)
        return read

    def numbered(self, name: str, value: Json) -> Json:
        """``value``, of the schema ``name`` and in normal form, with enums by number.

        What is of no known schema (the ``response`` of an operation, if its ``@type`` is none of this API's) stays.
        """
        if not isinstance(value, dict):
            return value
        known = self._fields(name)
        return {
            key: self._numbered(known[key][1], item, f"{name}.{key}") if key in known else item
            for key, item in value.items()
        }

    def _numbered(self, spec: Mapping[str, Json], value: Json, path: str) -> Json:
        if "$ref" in spec:
            return self.numbered(spec["$ref"], value)
        if "enum" in spec:
            names = self._numbers.get(path) or dict(enumerate(spec["enum"]))
            return next((number for number, known in names.items() if known == value), value)
        if spec["type"] == "array":
            return [self._numbered(spec["items"], item, path) for item in value]
        if spec["type"] != "object":
            return value
        if "@type" in value:
            name = _schema(str(value["@type"]))
            # Some documents have the names of messages without their package.
            return self.numbered(name if name in self._schemas else str(value["@type"]).rpartition(".")[2], value)
        below = spec.get("additionalProperties", {"type": "any"})
        return {key: self._numbered(below, item, path) for key, item in value.items()}

    def json_path(self, name: str, path: str) -> list[str] | None:
        """The names on the way along ``path`` (``training_input.region``) to a field of the schema ``name``, or into a
        map of it, as answers spell them; None if there is no such field."""
        given, _, rest = path.partition(".")
        if given not in self._fields(name):
            return None
        field, spec = self._fields(name)[given]
        spec = spec.get("items", spec)
        if not rest:
            return [field]
        if "$ref" in spec:
            below = self.json_path(spec["$ref"], rest)
            return None if below is None else [field, *below]
        return [field, *rest.split(".")] if spec.get("type") in ("object", "any") else None

    def _fields(self, name: str) -> Fields:
        # An API has a thousand messages, of which a client uses a dozen.
        if name not in self._read:
            properties = self._schemas.get(name, {}).get("properties", {})
            self._read[name] = {alias: (field, spec) for field, spec in properties.items() for alias in _names(field)}
        return self._read[name]


def parameter(spec: Mapping[str, Json], text: str, name: str) -> tuple[Json, list[Violation]]:
    """The value of a query parameter, and its faults."""
    reader = _Reader(lambda _: {}, {})
    return reader.value(spec, text, snake(name), "", name), reader.violations


def message_name(schema: str) -> str:
    """Of the protocol buffer: ``GoogleCloudMlV1__Job`` and ``GoogleCloudAiplatformV1Job`` are
    ``google.cloud.ml.v1.Job`` and ``google.cloud.aiplatform.v1.Job``."""
    found = re.fullmatch(r"(Google(?:Cloud)?[A-Z][a-z]+(?:V\d+(?:beta\d+)?)?)_*(\w*)", schema)
    package, name = found.groups() if found else ("", schema)
    return ".".join(part for part in (re.sub(r"(?<!^)(?=[A-Z])", ".", package).lower(), name.replace("_", ".")) if part)


def _schema(type_url: str) -> str:
    """``type.googleapis.com/google.cloud.aiplatform.v1.Endpoint`` is ``GoogleCloudAiplatformV1Endpoint``."""
    parts = type_url.rpartition("/")[2].split(".")
    return "".join(part[:1].upper() + part[1:] for part in parts)


class _Reader:
    """Reads one value, and goes on after a fault to find the others.

    Raises:
        InvalidRequest: there are too many.
    """

    def __init__(
        self, fields: Callable[[str], Fields], numbers: EnumNumbers, *, numbers_as_texts: bool = False
    ) -> None:
        self._fields, self._numbers, self._numbers_as_texts = fields, numbers, numbers_as_texts
        self.violations: list[Violation] = []

    def message(self, name: str, value: Json, path: str) -> dict[str, Json]:
        if not isinstance(value, dict):
            if path:
                self._wrong(path, _type_url(name), value)
            else:
                self._fault("", 'Invalid JSON payload received. Unknown name "": Root element must be a message.')
            return {}
        known, read, seen = self._fields(name), dict[str, Json](), set[str]()
        for key, item in value.items():
            field, spec = known.get(key, ("", {}))
            if not field:
                self._unknown(path, key, "Cannot find field.")
            elif field in seen:
                self._unknown(path, key, "Field is set twice.")
            elif item is not None:
                below = self.value(spec, item, f"{path}.{snake(field)}" if path else snake(field), name, field)
                if not _is_default(spec, below):
                    read[field] = below
            seen.add(field)
        return read

    def value(self, spec: Mapping[str, Json], value: Json, path: str, owner: str, field: str) -> Json:
        """``value`` of ``field`` in the message ``owner`` (empty for a parameter), in normal form; None if wrong."""
        if "$ref" in spec:
            return self.message(spec["$ref"], value, path)
        match spec["type"]:
            case "any":
                return value
            case "array":
                return self._list(spec["items"], value, path, owner, field)
            case "object":
                return self._map(spec.get("additionalProperties", {"type": "any"}), value, path, owner, field)
        if isinstance(value, list):
            place, _, name = path.rpartition(".")
            self._unknown(place, name, "Proto field is not repeating, cannot start list.")
            return None
        if "enum" in spec:
            kind = f"{_type_url(owner)}.{field[0].upper()}{field[1:]}" if owner else "TYPE_ENUM"
            return self._enum(spec["enum"], value, path, kind, self._numbers.get(f"{owner}.{field}"))
        form = spec.get("format", spec["type"])
        if self._numbers_as_texts and form == "string" and type(value) in (int, float):
            value = f"{value:.0f}" if float(value).is_integer() else repr(value)
        kind, convert = SCALARS[form]
        read, complaint = convert(value)
        if read is None:
            complaint = complaint and f"Field '{field}', {complaint}"
            self._wrong(path, kind, value, complaint)
        return read

    def _list(self, spec: Mapping[str, Json], value: Json, path: str, owner: str, field: str) -> list[Json]:
        if not isinstance(value, list):
            self._wrong(path, _kind(spec), value)
            return []
        if _are_texts(spec, value):
            return value
        return [self.value(spec, item, f"{path}[{index}]", owner, field) for index, item in enumerate(value)]

    def _map(self, spec: Mapping[str, Json], value: Json, path: str, owner: str, field: str) -> dict[str, Json]:
        if not isinstance(value, dict):
            self._wrong(path, "Map", value)
            return {}
        if _are_texts(spec, value.values()):
            return value
        return {
            key: self.value(spec, item, f"{path}[{index}].value", owner, field)
            for index, (key, item) in enumerate(value.items())
        }

    def _enum(
        self, names: list[str], value: Json, path: str, kind: str, numbers: Mapping[int, str] | None
    ) -> str | None:
        if isinstance(value, str) and value in names:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = next(
                (known for number, known in (numbers or dict(enumerate(names))).items() if number == value), None
            )
            if found is not None:
                return found
        self._wrong(path, kind, value)
        return None

    def _unknown(self, path: str, name: str, why: str) -> None:
        place = f" at '{path}'" if path else ""
        shown = json.dumps(name[:SHOWN], ensure_ascii=False)
        self._fault(path, f"Invalid JSON payload received. Unknown name {shown}{place}: {why}")

    def _wrong(self, path: str, kind: str, value: Json, complaint: str = "") -> None:
        shown = complaint or json.dumps(value, ensure_ascii=False)[:SHOWN]
        self._fault(path, f"Invalid value at '{path}' ({kind}), {shown}")

    def _fault(self, path: str, description: str) -> None:
        self.violations.append(Violation(path, description))
        if len(self.violations) == _ENOUGH:
            raise InvalidRequest(self.violations)


def _are_texts(spec: Mapping[str, Json], values: Collection[Json]) -> bool:
    """Whether all values are strings as they should be: of these a request can have a million."""
    return spec.get("type") == "string" and not {"format", "enum"} & spec.keys() and set(map(type, values)) <= {str}


def _is_default(spec: Mapping[str, Json], value: Json) -> bool:
    """Whether a field of this value is written by leaving it out, as every message and value of ``any`` is not."""
    if "$ref" in spec or spec["type"] == "any":
        return False
    return (
        not value or ("enum" in spec and value == spec["enum"][0]) or (value == "0" and "64" in spec.get("format", ""))
    )


def _kind(spec: Mapping[str, Json]) -> str:
    if "$ref" in spec:
        return _type_url(spec["$ref"])
    return SCALARS[spec.get("format", spec["type"])][0] if spec["type"] in ("string", "integer", "number") else "List"


def _type_url(schema: str) -> str:
    return f"type.googleapis.com/{message_name(schema)}"


def _names(field: str) -> set[str]:
    return {field, snake(field)}


def snake(name: str) -> str:
    """``trainingInput`` and ``TrainingInput`` are ``training_input``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
