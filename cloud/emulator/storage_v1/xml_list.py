"""The XML API's list of a bucket's objects, version 1 and (``list-type=2``) version 2.

https://cloud.google.com/storage/docs/xml-api/get-bucket-list.
"""

from collections.abc import Iterable
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.messages import timestamp
from cloud.engine.storage.listing import ListQuery, successor
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import InvalidArgument, Unimplemented

_PAGE = 1000
_PARAMETERS = frozenset({"prefix", "delimiter", "marker", "start-after", "continuation-token", "encoding-type"})


async def list_objects(call: Call) -> web.StreamResponse:
    """Raises:
    InvalidArgument: a parameter is invalid.
    Unimplemented: all buckets are listed, or a subresource of the bucket (``?acl``) is read.
    """
    query, bucket = call.query, call.path["bucket"]
    if not bucket or not all(value or name in _PARAMETERS for name, value in query.items()):
        raise Unimplemented(f"{call.request.method} of a bucket in the XML API is not emulated")
    is_second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("start-after" if is_second else "marker", "")
    limit = call.integer("max-keys")
    limit = _PAGE if limit is None else min(limit, _PAGE)
    if query.get("encoding-type", "url") != "url":
        raise InvalidArgument(f"url, not {query['encoding-type'][:100]!r}", field="encoding-type")
    list_query = ListQuery(
        prefix=prefix,
        delimiter=delimiter,
        start_offset=_next(after, delimiter),
        max_results=limit,
        page_token=query.get("continuation-token", "") if is_second else "",
    )
    page = call.storage.objects.list_page(call.principal, bucket, list_query)
    more = bool(page.next_page_token)
    encode = _url if query.get("encoding-type") else escape
    elements: list[tuple[str, str]] = [("Name", escape(bucket)), ("Prefix", encode(prefix)), ("MaxKeys", str(limit))]
    if delimiter:
        elements.append(("Delimiter", encode(delimiter)))
    if is_second:
        elements += [("KeyCount", str(len(page.items) + len(page.prefixes))), ("StartAfter", encode(after))]
        elements += [("NextContinuationToken", page.next_page_token)] if more else []
    else:
        last = max([item.name for item in page.items] + page.prefixes, default="")
        elements += [("Marker", encode(after))] + ([("NextMarker", encode(last))] if more else [])
    elements.append(("IsTruncated", "true" if more else "false"))
    elements += [("Contents", _contents(record, encode(record.name))) for record in page.items]
    elements += [("CommonPrefixes", f"<Prefix>{encode(folder)}</Prefix>") for folder in page.prefixes]
    body = "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>"
    body += _xml(elements) + "</ListBucketResult>"
    return web.Response(text=body, content_type="application/xml", charset="utf-8")


def _next(after: str, delimiter: str) -> str:
    """The first name that may follow ``after``; objects below a listed prefix are not repeated."""
    if not after:
        return ""
    if delimiter and after.endswith(delimiter):
        return successor(after) or after
    return after + "\0"


def _contents(record: ObjectRecord, key: str) -> str:
    elements = {
        "Key": key,
        "Generation": str(record.generation),
        "MetaGeneration": str(record.metageneration),
        "LastModified": timestamp(record.update_time),
        "ETag": escape(xml_tag(record)),
        "Size": str(record.size),
        "StorageClass": escape(record.attributes.storage_class or "STANDARD"),
    }
    return _xml(elements.items())


def _xml(elements: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in elements)


def _url(text: str) -> str:
    return quote(text, safe="/")
