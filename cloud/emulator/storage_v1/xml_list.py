"""The XML API's lists of buckets, and of a bucket's objects in version 1 and (``list-type=2``) version 2.

https://cloud.google.com/storage/docs/xml-api/get-service, https://cloud.google.com/storage/docs/xml-api/get-bucket-list.
"""

from xml.etree.ElementTree import SubElement

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.times import timestamp
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.emulator.storage_v1.xml_document import LISTED, add, add_child, document_answer, name_encoding, new_document
from cloud.engine.storage.listing import ListQuery, successor

_PAGE = 1000
_PARAMETERS = frozenset({"prefix", "delimiter", "marker", "start-after", "continuation-token", "encoding-type"})


async def list_buckets(call: Call) -> web.StreamResponse:
    """The project's, in one answer."""
    prefix, found = call.query.get("prefix", ""), call.storage.buckets.list_all(call.principal)
    root = new_document("ListAllMyBucketsResult", LISTED)
    add_child(root, "Owner", ID=call.storage.buckets.owner)
    listed = SubElement(root, "Buckets")
    for bucket in found:
        if bucket.name.startswith(prefix):
            add_child(listed, "Bucket", Name=bucket.name, CreationDate=timestamp(bucket.create_time))
    return document_answer(root)


async def list_objects(call: Call) -> web.StreamResponse:
    """Raises:
    InvalidArgument: a parameter is invalid.
    Unimplemented: a subresource of the bucket (``?acl``) is read.
    """
    query, bucket = call.query, call.path["bucket"]
    if not all(value or name in _PARAMETERS for name, value in query.items()):
        raise not_in_xml(f"{call.request.method} of a bucket")
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
