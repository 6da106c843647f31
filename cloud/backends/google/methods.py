"""HTTP requests from Google's method ids, by the discovery documents in google-api-python-client. Pure.

Format: https://developers.google.com/discovery/v1/reference/apis. The documents are read directly: the classes that the
library builds from them take 20 ms for each request, longer than most responses.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import orjson

from cloud.errors import FailedPrecondition
from cloud.resources import Json
from cloud.wire.discovery_documents import read_document

_DOCUMENTS = {
    "aiplatform": "aiplatform.v1",
    "artifactregistry": "artifactregistry.v1",
    "cloudresourcemanager": "cloudresourcemanager.v3",
    "logging": "logging.v2",
    "ml": "ml.v1",
    "serviceusage": "serviceusage.v1",
    "storage": "storage.v1",
}
_VARIABLE = re.compile(r"\{(\+?)(\w+)\}")
_RESERVED = "!*'();:@&=+$,/"
"""Characters that ``{+name}`` keeps (RFC 6570, reserved expansion), without those invalid in a path; ``%2F`` is kept
too."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, without credentials."""

    method_id: str
    """Google's: ``ml.projects.jobs.create``."""
    http_method: str
    url: str
    body: Json
    """JSON, or bytes for a model server; None without a body."""


@dataclass(frozen=True, slots=True)
class Method:
    id: str
    http_method: str
    root_url: str
    path: str
    """Template below ``root_url``."""
    parameters: Mapping[str, Json]


def request(method_id: str, params: Mapping[str, Json], body: Json = None, *, region: str) -> Request:
    """The request of a call.

    Args:
        params: of the path and the query; None is omitted.
        region: of the host, if the API has regional hosts.

    Raises:
        FailedPrecondition: google-api-python-client has no such method.
        KeyError: a path parameter is missing, or a parameter is unknown: a bug in the caller.
    """
    method = find(method_id)
    used = {name for _, name in _VARIABLE.findall(method.path)}

    def fill(match: re.Match[str]) -> str:
        if not match[1]:
            return quote(str(params[match[2]]), safe="")
        return re.sub("%25([0-9A-F]{2})", r"%\1", quote(str(params[match[2]]), safe=_RESERVED))

    path = _VARIABLE.sub(fill, method.path)
    query = {}
    for name, value in params.items():
        if name not in method.parameters:
            raise KeyError(f"{method_id} has no parameter {name!r}")
        if name not in used and value is not None:
            query[name] = str(value).lower() if isinstance(value, bool) else value
    root = method.root_url
    if method_id.startswith("aiplatform."):
        root = root.replace("://", f"://{region}-")
    url = root + path + (f"?{urlencode(query, doseq=True)}" if query else "")
    return Request(method_id, method.http_method, url, body)


@functools.cache
def find(method_id: str) -> Method:
    """Raises:
    FailedPrecondition: google-api-python-client has no such method.
    """
    api, *resources, name = method_id.split(".")
    document = _load(_DOCUMENTS[api])
    place = document
    try:
        for resource in resources:
            place = place["resources"][resource]
        found = place["methods"][name]
    except KeyError:
        raise FailedPrecondition(f"google-api-python-client knows no method {method_id}: upgrade it") from None
    root = document["rootUrl"] + document.get("servicePath", "")
    return Method(method_id, found["httpMethod"], root, found["path"], found.get("parameters", {}))


@functools.cache
def _load(name: str) -> Json:
    return orjson.loads(read_document(name))
