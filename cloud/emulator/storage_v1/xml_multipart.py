"""Multipart uploads of the XML API: https://cloud.google.com/storage/docs/multipart-uploads."""

from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import hash_headers
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.times import timestamp
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.emulator.storage_v1.uploads import announced_hashes
from cloud.emulator.storage_v1.xml_checksums import AnnouncedChecksums
from cloud.emulator.storage_v1.xml_document import (
    LONGEST,
    MULTIPART,
    MalformedXml,
    add_child,
    document_answer,
    name_encoding,
    new_document,
    parse_document,
)
from cloud.emulator.storage_v1.xml_headers import header, new_object
from cloud.engine.storage.checksums import agreed
from cloud.engine.storage.multipart_errors import MalformedCompletion
from cloud.engine.storage.multipart_listing import UploadQuery
from cloud.errors import InvalidArgument

_PAGE = 1000


async def begin(call: Call) -> web.StreamResponse:
    _check_unconditional(call)
    upload = call.storage.multipart_uploads.begin(call.principal, new_object(call))
    return document_answer(
        new_document(
            "InitiateMultipartUploadResult", MULTIPART, Bucket=upload.bucket, Key=upload.name, UploadId=upload.id
        ),
    )


async def put_part(call: Call) -> web.StreamResponse:
    """Raises:
    Unimplemented: the part is to be copied from an object.
    """
    headers = call.request.headers
    if header(headers, "copy-source") is not None:
        raise not_in_xml("a part that is copied from an object (UploadPartCopy)")
    uploads, number = call.storage.multipart_uploads, call.integer("partNumber")
    if number is None:
        raise InvalidArgument("Required: the number of the part, from 1 to 10,000.", field="partNumber")
    upload = uploads.check_part(call.principal, *_target(call), number, call.request.content_length or 0)
    checksums = AnnouncedChecksums(headers)
    hashes = announced_hashes(call.request)
    if checksums.crc32c is not None:
        hashes["crc32c"] = agreed("crc32c", hashes.get("crc32c"), checksums.crc32c)
    with call.storage.spool() as content:
        size = 0
        async for block in call.request.content.iter_any():
            checksums.update(block)
            size += content.write(block)
        checksums.check()
        part = await uploads.put_part(call.principal, upload, number, content, size, **hashes)
    answered = CIMultiDict({"ETag": f'"{part.tag}"'})
    answered.extend(hash_headers(part.crc32c, part.md5, is_xml=True))
    return web.Response(headers=answered)


async def complete(call: Call) -> web.StreamResponse:
    _check_unconditional(call)
    uploads = call.storage.multipart_uploads
    try:
        document = parse_document(await call.whole_body(LONGEST), "CompleteMultipartUpload")
    except MalformedXml as error:
        raise MalformedCompletion(error.message) from None
    wanted = []
    for part in document.iter("Part"):
        number = (part.findtext("PartNumber") or "").strip()
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise MalformedCompletion(f"The PartNumber of a Part is {number[:100]!r}, not a whole number.")
        wanted.append((int(number), (part.findtext("ETag") or "").strip().strip('"')))
    record = uploads.complete(call.principal, *_target(call), wanted)
    place = f"{call.base_url}/{record.bucket}/{quote(record.name)}"
    root = new_document(
        "CompleteMultipartUploadResult",
        MULTIPART,
        Location=place,
        Bucket=record.bucket,
        Key=record.name,
        ETag=xml_tag(record),
    )
    headers = {"X-Goog-Hash": f"crc32c={record.crc32c}", "X-Goog-Generation": str(record.generation)}
    return document_answer(root, headers)


async def abort(call: Call) -> None:
    call.storage.multipart_uploads.abort(call.principal, *_target(call))


async def list_parts(call: Call) -> web.StreamResponse:
    after, limit = call.integer("part-number-marker") or 0, _limit(call, "max-parts")
    upload, parts, is_truncated = call.storage.multipart_uploads.list_parts(
        call.principal, *_target(call), after, limit
    )
    kind = call.query.get("encoding-type")
    encode = name_encoding(kind)
    root = new_document(
        "ListPartsResult",
        MULTIPART,
        Bucket=upload.bucket,
        Key=encode(upload.name),
        UploadId=upload.id,
        StorageClass=upload.attributes.storage_class or "STANDARD",
        PartNumberMarker=str(after),
        NextPartNumberMarker=str(parts[-1].number if is_truncated else 0),
        MaxParts=str(limit),
        IsTruncated=str(is_truncated).lower(),
        **({"EncodingType": kind} if kind else {}),
    )
    for part in parts:
        add_child(
            root,
            "Part",
            PartNumber=str(part.number),
            LastModified=timestamp(part.update_time),
            ETag=f'"{part.tag}"',
            Size=str(part.size),
        )
    return document_answer(root)


async def list_uploads(call: Call) -> web.StreamResponse:
    given = call.query
    query = UploadQuery(
        given.get("prefix", ""),
        given.get("delimiter", ""),
        given.get("key-marker", ""),
        given.get("upload-id-marker", ""),
        _limit(call, "max-uploads"),
    )
    page = call.storage.multipart_uploads.list_uploads(call.principal, call.path["bucket"], query)
    kind = call.query.get("encoding-type")
    encode = name_encoding(kind)
    root = new_document(
        "ListMultipartUploadsResult",
        MULTIPART,
        Bucket=call.path["bucket"],
        KeyMarker=encode(query.after_name),
        UploadIdMarker=query.after_id,
        NextKeyMarker=encode(page.next_name),
        NextUploadIdMarker=page.next_id,
        Prefix=encode(query.prefix),
        Delimiter=encode(query.delimiter),
        MaxUploads=str(query.limit),
        IsTruncated=str(not page.is_last).lower(),
        **({"EncodingType": kind} if kind else {}),
    )
    for upload in page.uploads:
        add_child(
            root,
            "Upload",
            Key=encode(upload.name),
            UploadId=upload.id,
            StorageClass=upload.attributes.storage_class or "STANDARD",
            Initiated=timestamp(upload.create_time),
        )
    for folder in page.prefixes:
        add_child(root, "CommonPrefixes", Prefix=encode(folder))
    return document_answer(root)


def _check_unconditional(call: Call) -> None:
    """``x-goog-if-generation-match`` and its like are ignored by Google, too.

    Raises:
        Unimplemented: the upload depends on an ETag, as at Amazon S3.
    """
    for name in ("If-Match", "If-None-Match"):
        if name in call.request.headers:
            raise not_in_xml(f"{name} of a multipart upload")


def _target(call: Call) -> tuple[str, str, str]:
    return call.path["bucket"], call.path["object"], call.query["uploadId"]


def _limit(call: Call, name: str) -> int:
    given = call.integer(name)
    return _PAGE if given is None else min(given, _PAGE)
