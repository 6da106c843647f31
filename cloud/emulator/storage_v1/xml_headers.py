"""Objects as headers of the XML API describe them (https://cloud.google.com/storage/docs/xml-api/reference-headers).

Each ``x-goog-`` header that is read here may be written ``x-amz-``, as clients of Amazon S3 do
(https://cloud.google.com/storage/docs/aws-simple-migration#project-header).
"""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from multidict import CIMultiDict

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import hash_headers, media_headers
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.engine.storage import policy
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.preconditions import Preconditions
from cloud.engine.storage.records import Attributes, ObjectRecord

_VENDORS = ("x-goog-", "x-amz-")


def header(headers: Mapping[str, str], name: str) -> str | None:
    """The value of ``x-goog-NAME`` or ``x-amz-NAME``."""
    return next((headers[vendor + name] for vendor in _VENDORS if vendor + name in headers), None)


def new_object(call: Call, given: Mapping[str, str] | None = None, bucket: str = "", name: str = "") -> NewObject:
    """The object that the request creates.

    Args:
        given: the fields of a form, by their names in any case, in place of the headers.
        bucket, name: where it is, if not in the path.
    """
    given = call.request.headers if given is None else given
    return NewObject(
        bucket or call.path["bucket"],
        name or call.path["object"],
        given_attributes(given),
        given_acl(call, given),
        given_conditions(call),
    )


def given_attributes(headers: Mapping[str, str]) -> Attributes:
    resource = {name: headers[known] for name, (_, known) in messages.ATTRIBUTES.items() if known in headers}
    storage_class = header(headers, "storage-class")
    if storage_class is not None:
        resource["storageClass"] = storage_class
    metadata = {
        name.lower().removeprefix(vendor + "meta-"): value
        for name, value in headers.items()
        for vendor in _VENDORS
        if name.lower().startswith(vendor + "meta-")
    }
    return messages.attributes_from_json({**resource, "metadata": metadata})


def given_acl(call: Call, headers: Mapping[str, str]) -> Acl | None:
    """None for the bucket's default ACL."""
    name = header(headers, "acl")
    if name is None:
        return None
    # The JSON API's names are in camel case: publicRead for public-read.
    first, *words = name.split("-")
    name = first + "".join(map(str.capitalize, words))
    return policy.predefined_acl(name, call.principal.email, call.storage.project_number, of_object=True)


def given_conditions(call: Call) -> Preconditions:
    """Raises:
    Unimplemented: the write depends on an ETag. Ignoring that would lose what others wrote.
    """
    conditions = call.conditions()
    headers = call.request.headers
    if headers.get("If-None-Match", "").strip() == "*":
        return replace(conditions, generation_match=0)
    for name in ("If-Match", "If-None-Match"):
        if name in headers:
            raise not_in_xml(f"{name} of a write (other than If-None-Match: *)")
    return conditions


def created(record: ObjectRecord) -> web.StreamResponse:
    """The response to the request that created the object."""
    return web.Response(headers=written_headers(record))


def written_headers(record: ObjectRecord) -> CIMultiDict[str]:
    """Of the response to the request that created the object."""
    headers = hash_headers(record.crc32c, record.md5, is_xml=True)
    for name, value in media_headers(record, xml_tag(record)).items():
        if name.startswith(("ETag", "X-Goog-")) and not name.startswith("X-Goog-Meta-"):
            headers[name] = value
    return headers
