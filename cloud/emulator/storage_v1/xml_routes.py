"""The methods of the XML API: by HTTP method, bucket or object, and the subresource that the query names."""

import re
from collections.abc import Mapping

from aiohttp import web

from cloud.emulator.storage_v1 import (
    downloads,
    objects,
    post_form,
    uploads,
    xml,
    xml_copy,
    xml_delete,
    xml_list,
    xml_multipart,
    xml_resumable,
)
from cloud.emulator.storage_v1.route import Route
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.emulator.storage_v1.xml_headers import header

_BEGIN = Route("storage.objects.insert", xml_resumable.begin)
_SESSION = {
    "PUT": Route("storage.objects.insert", xml_resumable.resume),
    "DELETE": Route("storage.objects.insert", uploads.cancel),
}
_FORM = Route("storage.objects.insert", post_form.insert)
_SUBRESOURCES = ("uploads", "uploadId", "delete")
_REFUSED = re.compile(
    r"accelerate|acl|analytics|attributes|billing|compose|cors|defaultObjectAcl|encryption|"
    r"encryptionConfig|intelligent-tiering|inventory|legal-hold|lifecycle|location|logging|metrics|"
    r"notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|replication|"
    r"requestPayment|restore|retention|select|storageClass|tagging|torrent|versioning|versions|"
    r"website"
)
"""Other subresources, of Google's and of Amazon S3's: a request must not act on the object itself."""
_ROUTES: Mapping[tuple[str, str, str], Route] = {
    ("GET", "project", ""): Route("storage.buckets.list", xml_list.list_buckets),
    ("GET", "object", ""): Route("storage.objects.get", downloads.get),
    ("HEAD", "object", ""): Route("storage.objects.get", downloads.get),
    ("PUT", "object", ""): Route("storage.objects.insert", xml.put),
    ("PUT", "object", "copy"): Route("storage.objects.copy", xml_copy.copy),
    ("DELETE", "object", ""): Route("storage.objects.delete", objects.delete),
    ("GET", "bucket", ""): Route("storage.objects.list", xml_list.list_objects),
    ("HEAD", "bucket", ""): Route("storage.objects.list", xml_list.list_objects),
    ("POST", "bucket", "delete"): Route("storage.objects.delete", xml_delete.delete_objects),
    ("GET", "bucket", "uploads"): Route("storage.multipartUploads.list", xml_multipart.list_uploads),
    ("POST", "object", "uploads"): Route("storage.multipartUploads.create", xml_multipart.begin),
    ("PUT", "object", "uploadId"): Route("storage.multipartUploads.putPart", xml_multipart.put_part),
    ("POST", "object", "uploadId"): Route("storage.multipartUploads.complete", xml_multipart.complete),
    ("GET", "object", "uploadId"): Route("storage.multipartUploads.listParts", xml_multipart.list_parts),
    ("DELETE", "object", "uploadId"): Route("storage.multipartUploads.abort", xml_multipart.abort),
}
"""With the ids of the JSON API's methods that do the same. Those of multipart uploads are like the names of their
permissions."""


_KINDS = {"project": "the project", "bucket": "a bucket", "object": "an object"}


def find_route(request: web.Request, bucket: str, name: str) -> Route:
    """Args:
        bucket: empty for the project, whose buckets are listed.
        name: the object's; empty for the bucket.

    Raises:
        Unimplemented: another method, or another subresource.
    """
    kind, query = "object" if name else "bucket" if bucket else "project", request.query
    if name and "upload_id" in query and request.method in _SESSION:
        return _SESSION[request.method]
    if name and xml_resumable.HEADER in request.headers and request.method in ("POST", "PUT"):
        return _BEGIN
    if not name and post_form.is_form(request):
        return _FORM
    subresource = next((each for each in _SUBRESOURCES if each in query), "")
    if refused := list(filter(_REFUSED.fullmatch, query)):
        raise not_in_xml(f"{request.method} of {_KINDS[kind]}'s {refused[0]}")
    if not subresource and request.method == "PUT" and header(request.headers, "copy-source") is not None:
        subresource = "copy"
    if "partNumber" in query and "uploadId" not in query:
        raise not_in_xml(f"{request.method} of an object with partNumber, but without uploadId,")
    route = _ROUTES.get((request.method, kind, subresource))
    if route is None:
        what = f"{request.method} of {_KINDS[kind]}"
        raise not_in_xml(f"{what} with {subresource}" if subresource else what)
    return route
