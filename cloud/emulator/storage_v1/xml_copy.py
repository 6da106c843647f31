"""Copies of the XML API: a PUT with ``x-goog-copy-source`` (https://cloud.google.com/storage/docs/xml-api/put-object-copy).

The Rust client of many data programs (object_store) copies and renames by it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from aiohttp import web

from cloud.emulator.storage_v1.call import Call, whole_number
from cloud.emulator.storage_v1.entity_tags import matches_tag, xml_tag
from cloud.emulator.storage_v1.times import timestamp
from cloud.emulator.storage_v1.xml_document import LISTED, document_answer, new_document
from cloud.emulator.storage_v1.xml_headers import header, new_object, written_headers
from cloud.engine.storage.errors import StorageFault
from cloud.engine.storage.preconditions import ConditionNotMet, Preconditions
from cloud.engine.storage.records import ObjectRecord, State
from cloud.errors import InvalidArgument

_SOURCE = "copy-source"


class IllegalCopy(StorageFault, InvalidArgument):
    xml_code, xml_message = "InvalidRequest", "The copy request is illegal."


async def copy(call: Call) -> web.StreamResponse:
    """Raises:
    IllegalCopy: an object is copied onto itself, with nothing to change.
    ConditionNotMet: a precondition on the source or on the object that is replaced does not hold.
    """
    headers = call.request.headers
    directive = (header(headers, "metadata-directive") or "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        raise InvalidArgument(f"x-goog-metadata-directive is COPY or REPLACE, not {directive[:100]!r}.")
    source = _find_source(call)
    new = new_object(call)
    wanted_class = new.attributes.storage_class
    # An old version that is copied onto the live one is restored.
    is_itself = (source.bucket, source.name) == (new.bucket, new.name) and source.state is State.LIVE
    if is_itself and directive == "COPY" and wanted_class in (None, source.attributes.storage_class):
        raise IllegalCopy(
            "An object can be copied onto itself only to change it: x-goog-metadata-directive: REPLACE is required."
        )
    if directive == "COPY":
        kept = source.attributes
        new = replace(new, attributes=replace(kept, storage_class=wanted_class or kept.storage_class))
    record = await call.storage.copies.copy(call.principal, source, new, keep_attributes=False)
    answer = new_document("CopyObjectResult", LISTED, LastModified=timestamp(record.update_time), ETag=xml_tag(record))
    return document_answer(answer, written_headers(record))


def _find_source(call: Call) -> ObjectRecord:
    headers = call.request.headers
    place, _, version = (header(headers, _SOURCE) or "").partition("?versionId=")
    try:
        bucket, _, name = unquote(place, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        bucket = name = ""
    if not bucket or not name:
        raise InvalidArgument(f"x-goog-copy-source is BUCKET/OBJECT, percent-encoded, not {place[:300]!r}.")
    generation = _whole_number(headers, "generation")
    if version:
        generation = _whole_number({f"x-goog-{_SOURCE}-version": version}, "version")
    source = call.storage.objects.get(
        call.principal,
        bucket,
        name,
        conditions=Preconditions(
            generation_match=_whole_number(headers, "if-generation-match"),
            metageneration_match=_whole_number(headers, "if-metageneration-match"),
        ),
        generation=generation,
    )
    _check_tag_and_time(headers, source)
    return source


def _check_tag_and_time(headers: Mapping[str, str], source: ObjectRecord) -> None:
    tag, changed = xml_tag(source), source.update_time.replace(microsecond=0)
    match, none_match, after, before = (
        header(headers, f"{_SOURCE}-{name}")
        for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
    )
    # As for reads, an ETag takes precedence over a time.
    failed = {
        "if-match": match is not None and not matches_tag(match, tag),
        "if-none-match": none_match is not None and matches_tag(none_match, tag),
        "if-modified-since": after is not None and none_match is None and changed <= _moment(after),
        "if-unmodified-since": before is not None and match is None and changed > _moment(before),
    }
    for name in failed:
        if failed[name]:
            raise ConditionNotMet(
                f"At least one of the pre-conditions you specified did not hold: x-goog-{_SOURCE}-{name}."
            )


def _moment(text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        raise InvalidArgument(f"A time like Fri, 31 Dec 2027 23:59:59 GMT is expected, not {text[:100]!r}.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole_number(headers: Mapping[str, str], name: str) -> int | None:
    text = header(headers, f"{_SOURCE}-{name}")
    if text is None:
        return None
    return whole_number(text, f"x-goog-{_SOURCE}-{name}")
