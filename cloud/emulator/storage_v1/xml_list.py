"""The XML API's list of a bucket's objects, in both of its versions.

https://cloud.google.com/storage/docs/xml-api/get-bucket-list; ``list-type=2`` is the second.
"""

from collections.abc import Mapping
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.messages import timestamp
from cloud.engine.storage.listing import ListQuery, successor
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument

_PAGE = 1000
_PARAMETERS = frozenset({"prefix", "delimiter", "marker", "start-after", "continuation-token", "encoding-type"})


def is_plain_list(query: Mapping[str, str]) -> bool:
    """Whether this asks for the objects, not for something else of the bucket (``?acl``)."""
    return all(value or name in _PARAMETERS for name, value in query.items())


def listed(storage: StorageService, call: Call) -> web.Response:
    """Raises:
    InvalidArgument: a parameter that is no use.
    """
    query, bucket = call.query, call.path["bucket"]
    is_second = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("start-after" if is_second else "marker", "")
    limit = call.integer("max-keys")
    limit = _PAGE if limit is None else min(limit, _PAGE)
    if query.get("encoding-type", "url") != "url":
        raise InvalidArgument(f"url, not {query['encoding-type'][:100]!r}", field="encoding-type")
    asked = ListQuery(
        prefix=prefix,
        delimiter=delimiter,
        start_offset=_next(after, delimiter),
        max_results=limit,
        page_token=query.get("continuation-token", "") if is_second else "",
    )
    page = storage.objects.list_page(call.principal, bucket, asked)
    more = bool(page.next_page_token)
    written = _url if query.get("encoding-type") else escape
    said: list[tuple[str, str]] = [("Name", escape(bucket)), ("Prefix", written(prefix)), ("MaxKeys", str(limit))]
    if delimiter:
        said.append(("Delimiter", written(delimiter)))
    if is_second:
        said += [("KeyCount", str(len(page.items) + len(page.prefixes))), ("StartAfter", written(after))]
        said += [("NextContinuationToken", page.next_page_token)] if more else []
    else:
        last = max([item.name for item in page.items] + page.prefixes, default="")
        said += [("Marker", written(after))] + ([("NextMarker", written(last))] if more else [])
    said.append(("IsTruncated", "true" if more else "false"))
    said += [("Contents", _contents(record, written(record.name))) for record in page.items]
    said += [("CommonPrefixes", f"<Prefix>{written(folder)}</Prefix>") for folder in page.prefixes]
    body = "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>"
    body += "".join(f"<{name}>{text}</{name}>" for name, text in said) + "</ListBucketResult>"
    return web.Response(text=body, content_type="application/xml", charset="utf-8")


def _next(after: str, delimiter: str) -> str:
    """The first name that may follow ``after``: what lies below a folder that was listed does not come again."""
    if not after:
        return ""
    if delimiter and after.endswith(delimiter):
        return successor(after) or after
    return after + "\0"


def _contents(record: ObjectRecord, key: str) -> str:
    said = {
        "Key": key,
        "Generation": str(record.generation),
        "MetaGeneration": str(record.metageneration),
        "LastModified": timestamp(record.update_time),
        "ETag": escape(xml_tag(record)),
        "Size": str(record.size),
        "StorageClass": escape(record.attributes.storage_class or "STANDARD"),
    }
    return "".join(f"<{name}>{text}</{name}>" for name, text in said.items())


def _url(text: str) -> str:
    return quote(text, safe="/")
