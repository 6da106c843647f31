"""Many objects deleted by one request: https://cloud.google.com/storage/docs/xml-api/post-bucket."""

from aiohttp import web

from cloud.emulator.rest.errors import xml_elements
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.xml_checksums import AnnouncedChecksums
from cloud.emulator.storage_v1.xml_document import (
    LONGEST,
    MULTIPART,
    MalformedXml,
    add_child,
    document_answer,
    new_document,
    parse_document,
)
from cloud.errors import CloudError, NotFound

_MOST = 1000


async def delete_objects(call: Call) -> web.StreamResponse:
    """Delete each object that is named; one that does not exist counts as deleted.

    Raises:
        MalformedXml: no object is named, or more than 1,000.
        NotFound: no such bucket.
    """
    checksums = AnnouncedChecksums(call.request.headers, md5=call.request.headers.get("Content-MD5"))
    body = await call.whole_body(LONGEST)
    checksums.update(body)
    checksums.check()
    document = parse_document(body, "Delete")
    listed = document.findall("Object")
    if not 1 <= len(listed) <= _MOST:
        raise MalformedXml(f"{len(listed)} objects are named: 1 to {_MOST} can be deleted at once.")
    is_quiet = (document.findtext("Quiet") or "").strip().lower() == "true"
    call.storage.buckets.lookup(call.path["bucket"])
    answer = new_document("DeleteResult", MULTIPART)
    for named in listed:
        about = {name: text for name in ("Key", "VersionId") if (text := named.findtext(name))}
        try:
            _delete(call, about)
        except CloudError as error:
            elements = xml_elements(error)
            add_child(answer, "Error", **about, Code=elements["Code"], Message=error.message)
        else:
            if not is_quiet:
                add_child(answer, "Deleted", **about)
    return document_answer(answer)


def _delete(call: Call, named: dict[str, str]) -> None:
    if "Key" not in named:
        raise MalformedXml("An Object has no Key.")
    version = named.get("VersionId")
    if version is not None and not (version.isascii() and version.isdigit() and len(version) < 20):
        raise NotFound(f"No such object: {call.path['bucket']}/{named['Key']}#{version[:100]}")
    generation = None if version is None else int(version)
    try:
        call.storage.objects.delete(call.principal, call.path["bucket"], named["Key"], generation=generation)
    except NotFound:
        return
