"""The XML API's list of a bucket's objects, version 1 and (``list-type=2``) version 2.

https://cloud.google.com/storage/docs/xml-api/get-bucket-list.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.messages import timestamp
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.engine.storage.listing import ListQuery, successor
from cloud.errors import InvalidArgument

_PAGE = 1000
_PARAMETERS = frozenset({"prefix", "delimiter", "marker", "start-after", "continuation-token", "encoding-type"})


async def list_objects(call: Call) -> web.StreamResponse:
    """Raises:
    InvalidArgument: a parameter is invalid.
    Unimplemented: all buckets are listed, or a subresource of the bucket (``?acl``) is read.
    """
    query, bucket = call.query, call.path["bucket"]
    if not bucket or not all(value or name in _PARAMETERS for name, value in query.items()):
        raise not_in_xml(f"{call.request.method} of a bucket" if bucket else "the list of buckets")
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
    encode: Callable[[str], str] = partial(quote, safe="/") if query.get("encoding-type") else str
    root = Element("ListBucketResult", xmlns="http://doc.s3.amazonaws.com/2006-03-01")
    _add(root, Name=bucket, Prefix=encode(prefix), MaxKeys=str(limit))
    if delimiter:
        _add(root, Delimiter=encode(delimiter))
    if is_second:
        _add(root, KeyCount=str(len(page.items) + len(page.prefixes)), StartAfter=encode(after))
    else:
        _add(root, Marker=encode(after))
    if page.next_page_token and is_second:
        _add(root, NextContinuationToken=page.next_page_token)
    elif page.next_page_token:
        _add(root, NextMarker=encode(max([*(item.name for item in page.items), *page.prefixes], default="")))
    _add(root, IsTruncated="true" if page.next_page_token else "false")
    for record in await call.storage.objects.hashed(page.items):
        _add(
            SubElement(root, "Contents"),
            Key=encode(record.name),
            Generation=str(record.generation),
            MetaGeneration=str(record.metageneration),
            LastModified=timestamp(record.update_time),
            ETag=xml_tag(record),
            Size=str(record.size),
            StorageClass=record.attributes.storage_class or "STANDARD",
        )
    for folder in page.prefixes:
        _add(SubElement(root, "CommonPrefixes"), Prefix=encode(folder))
    body = tostring(root, "UTF-8", xml_declaration=True, short_empty_elements=False)
    return web.Response(body=body, content_type="application/xml", charset="utf-8")


def _add(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _next(after: str, delimiter: str) -> str:
    """The first name that may follow ``after``; objects below a listed prefix are not repeated."""
    if not after:
        return ""
    if delimiter and after.endswith(delimiter):
        return successor(after) or after
    return after + "\0"
