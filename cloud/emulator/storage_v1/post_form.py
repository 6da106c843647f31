"""``POST`` of an HTML form: an object from its file (https://cloud.google.com/storage/docs/xml-api/post-object-forms)."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from aiohttp import hdrs, web
from multidict import CIMultiDict

from cloud.emulator.recorder import RECORD
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.form_reader import FormReader
from cloud.emulator.storage_v1.messages import NO_HEADER
from cloud.emulator.storage_v1.multipart import boundary_of
from cloud.emulator.storage_v1.signatures import policy_form
from cloud.emulator.storage_v1.sizes import ANY_SIZE, limited
from cloud.emulator.storage_v1.uploads import store
from cloud.emulator.storage_v1.xml_headers import new_object
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import InvalidArgument

_LONGEST_FORM = 2**16
"""Bytes of a form before its file."""
_LEAST_HEAD = 100
"""How many of them a part's headers are taken for."""
_FILE = "file"
_DESCRIBES = re.compile(r"x-goog-(?:acl|custom-time|storage-class|meta-.+)", re.DOTALL)
_SIGNS = re.compile(r"x-goog-(?:algorithm|credential|date|signature)")


@dataclass(frozen=True, slots=True)
class _Form:
    fields: Mapping[str, str]
    """Those before the file, by their names in lower case."""
    filename: str
    file: AsyncIterator[bytes]


def is_form(request: web.Request) -> bool:
    return request.method == hdrs.METH_POST and request.content_type == "multipart/form-data"


async def insert(call: Call) -> web.StreamResponse:
    """Create an object, in the name of the form's signer if there is one, else of the caller.

    Raises:
        SignatureFault: the form is signed, and not to be accepted.
        InvalidArgument: it is malformed.
    """
    form = await _read_fields(call.request)
    fields, sizes = form.fields, ANY_SIZE
    bucket = call.path["bucket"] or fields.get("bucket", "")
    if policy_form.is_signed(fields):
        principal, policy = policy_form.verify(fields, bucket, datetime.now(UTC), call.signers)
        if record := call.request.get(RECORD):
            record.caller = principal.email
        call = replace(call, principal=principal)
        sizes = policy.sizes or ANY_SIZE
    if fields.get("bucket", bucket) != bucket:
        raise InvalidArgument(f"The form is for the bucket {fields['bucket'][:100]!r}, not {bucket}", field="bucket")
    for name in fields:
        if name.startswith("x-goog-") and not (_DESCRIBES.fullmatch(name) or _SIGNS.fullmatch(name)):
            raise InvalidArgument(f"Unsupported form field: {name[:100]!r}", field=name)
    if not fields.get("key"):
        raise InvalidArgument("The form has no field key: the object's name", field="key")
    name = fields["key"].replace("${filename}", form.filename)
    given = CIMultiDict(fields)
    if "acl" in fields:
        given["x-goog-acl"] = fields["acl"]
    new = new_object(call, given, bucket, name)
    made = await store(call, new, limited(form.file, sizes))
    return _answer(call, fields, made)


def _answer(call: Call, fields: Mapping[str, str], record: ObjectRecord) -> web.StreamResponse:
    tag = xml_tag(record)
    location = f"{call.base_url}/{record.bucket}/{quote(record.name, safe='/~')}"
    headers = {"ETag": tag, "Location": location, "X-Goog-Generation": str(record.generation)}
    target = fields.get("success_action_redirect") or fields.get("redirect") or ""
    if _is_address(target):
        parts = urlsplit(target)
        found = urlencode({"bucket": record.bucket, "key": record.name, "etag": tag})
        query = f"{parts.query}&{found}" if parts.query else found
        headers["Location"] = urlunsplit(parts._replace(query=query))
        return web.Response(status=303, headers=headers)
    match fields.get("success_action_status"):
        case "200":
            return web.Response(headers=headers)
        case "201":
            root = Element("PostResponse")
            for name, text in (("Location", location), ("Bucket", record.bucket), ("Key", record.name), ("ETag", tag)):
                SubElement(root, name).text = text
            body = tostring(root, "UTF-8", xml_declaration=True)
            return web.Response(status=201, headers=headers, body=body, content_type="application/xml", charset="utf-8")
    return web.Response(status=204, headers=headers)


def _is_address(text: str) -> bool:
    """Whether a browser can be sent there; another value is ignored, as an unknown status is."""
    if NO_HEADER.search(text):
        return False
    try:
        return urlsplit(text).scheme in ("http", "https")
    except ValueError:
        return False


async def _read_fields(request: web.Request) -> _Form:
    boundary = boundary_of(request.headers.get(hdrs.CONTENT_TYPE, ""), "multipart/form-data")
    reader = FormReader(request.content.iter_any(), boundary)
    fields: dict[str, str] = {}
    room = _LONGEST_FORM
    while part := await reader.part():
        name = part.name.lower()
        if name == _FILE:
            # Fields after it are ignored, as at Google.
            return _Form(fields, part.filename, reader.media())
        text = await reader.text()
        room -= _LEAST_HEAD + len(text)
        if room < 0:
            raise InvalidArgument(f"The form has more than {_LONGEST_FORM} bytes before its file")
        if fields.setdefault(name, text) != text:
            raise InvalidArgument(f"The form has the field {name[:100]!r} twice", field=name)
    raise InvalidArgument("The form has no field file", field=_FILE)
