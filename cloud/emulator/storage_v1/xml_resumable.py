"""Resumable uploads of the XML API (https://cloud.google.com/storage/docs/xml-api/resumable-upload).

A session's address needs no credentials: who has it may send the object's bytes.
"""

from urllib.parse import quote

from aiohttp import web

from cloud.emulator.storage_v1 import uploads
from cloud.emulator.storage_v1.bucket_host import bucket_of_host
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.sizes import RANGE_HEADER
from cloud.emulator.storage_v1.xml_headers import created, new_object
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import InvalidArgument

HEADER = "x-goog-resumable"


async def begin(call: Call) -> web.StreamResponse:
    """Raises:
    InvalidArgument: the header is not ``start``, or sizes are to be limited.
    """
    headers = call.request.headers
    if headers[HEADER].strip().lower() != "start":
        raise InvalidArgument(f"start, not {headers[HEADER][:100]!r}", field=HEADER)
    if RANGE_HEADER in headers:
        raise InvalidArgument("It is not emulated in resumable uploads: send the object at once.", field=RANGE_HEADER)
    await call.request.release()
    new = new_object(call)
    upload = call.storage.uploads.begin(call.principal, new, uploads.declared_size(headers))
    path = quote(upload.name, safe="/~")
    if bucket_of_host(call.request.host) is None:
        path = f"{upload.bucket}/{path}"
    headers_of_answer = {"Location": f"{call.base_url}/{path}?upload_id={upload.id}", "X-GUploader-UploadID": upload.id}
    return web.Response(status=201, headers=headers_of_answer)


async def resume(call: Call) -> web.StreamResponse:
    """Append a chunk, or report how much was received."""
    done = await uploads.append(call)
    return created(done) if isinstance(done, ObjectRecord) else done
