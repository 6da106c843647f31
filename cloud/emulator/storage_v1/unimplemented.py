"""Why methods of ``storage.v1`` are not emulated: their errors have their id and the reason."""

from typing import NoReturn

from cloud.emulator.storage_v1.call import Call
from cloud.errors import Unimplemented

REASONS = {
    "storage.anywhereCaches": "a cache of Google's network: there is none here",
    "storage.buckets": "a bucket stays in its location",
    "storage.buckets.operations": "a bucket stays in its location",
    "storage.folders": "folders are resources only in buckets with a hierarchical namespace, which are not emulated",
    "storage.managedFolders": "access is decided by bucket and by object only",
    "storage.notifications": "there is no Pub/Sub to notify",
    "storage.objects": "changes are not watched",
    "storage.projects.hmacKeys": "requests are authenticated by tokens and by signatures of service accounts only",
    "storage.rapidCaches": "a cache of Google's network: there is none here",
}
"""By resource, which is a method's id without its last part."""


def not_in_xml(what: str) -> Unimplemented:
    """The error of a request of the XML API (``PUT of a bucket``)."""
    return Unimplemented(f"{what} in the XML API is not emulated: use the JSON API.", method=f"XML API: {what}")


async def refuse(call: Call) -> NoReturn:
    """Raises:
    Unimplemented: always.
    """
    reason = REASONS.get(call.method_id.rpartition(".")[0], "it is newer than this emulator")
    raise Unimplemented(f"{call.method_id} is not emulated: {reason}.", method=call.method_id)
