"""The XML API's list of a bucket's objects, version 1 and (``list-type=2``) version 2.

https://cloud.google.com/storage/docs/xml-api/get-bucket-list.
"""

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.times import timestamp
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.emulator.storage_v1.xml_document import LISTED, add, add_child, document_answer, name_encoding, new_document
from cloud.engine.storage.listing import ListQuery, successor

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
    kind = query.get("encoding-type")
    encode = name_encoding(kind)
    list_query = ListQuery(
        prefix=prefix,
        delimiter=delimiter,
        start_offset=_next(after, delimiter),
        max_results=limit,
        page_token=query.get("continuation-token", "") if is_second else "",
    )
    page = call.storage.objects.list_page(call.principal, bucket, list_query)
    root = new_document("ListBucketResult", LISTED)
    add(root, Name=bucket, Prefix=encode(prefix), MaxKeys=str(limit))
    if kind:
        add(root, EncodingType=kind)
    if delimiter:
        add(root, Delimiter=encode(delimiter))
    if is_second:
        add(root, KeyCount=str(len(page.items) + len(page.prefixes)), StartAfter=encode(after))
    else:
        add(root, Marker=encode(after))
    if page.next_page_token and is_second:
        add(root, NextContinuationToken=page.next_page_token)
    elif page.next_page_token:
        add(root, NextMarker=encode(max([*(item.name for item in page.items), *page.prefixes], default="")))
    add(root, IsTruncated="true" if page.next_page_token else "false")
    for record in await call.storage.objects.hashed(page.items):
        add_child(
            root,
            "Contents",
            Key=encode(record.name),
            Generation=str(record.generation),
            MetaGeneration=str(record.metageneration),
            LastModified=timestamp(record.update_time),
            ETag=xml_tag(record),
            Size=str(record.size),
            StorageClass=record.attributes.storage_class or "STANDARD",
        )
    for folder in page.prefixes:
        add_child(root, "CommonPrefixes", Prefix=encode(folder))
    return document_answer(root)


def _next(after: str, delimiter: str) -> str:
    """The first name that may follow ``after``; objects below a listed prefix are not repeated."""
    if not after:
        return ""
    if delimiter and after.endswith(delimiter):
        return successor(after) or after
    return after + "\0"
