"""``ETag``, and HTTP's conditional requests by ETag and by modification time, which Cloud Storage supports for reads.

https://cloud.google.com/storage/docs/request-preconditions and RFC 9110 §13.
"""

import base64
import re
from datetime import datetime

from aiohttp import web

from cloud.emulator.storage_v1.messages import object_tag
from cloud.engine.storage.preconditions import NOT_MET, ConditionNotMet, NotModified
from cloud.engine.storage.records import ObjectRecord

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')


def xml_tag(record: ObjectRecord) -> str:
    """The XML API's: the MD5 in hexadecimal if there is one (https://cloud.google.com/storage/docs/hashes-etags)."""
    return f'"{base64.b64decode(record.md5).hex()}"' if record.md5 else f'"-{object_tag(record)}"'


def check_tag(request: web.Request, tag: str) -> None:
    """Evaluate ``If-Match`` and ``If-None-Match``; clients of the JSON API write tags without quotes, unlike RFC 9110.

    Raises:
        ConditionNotMet: ``tag`` is not in ``If-Match``.
        NotModified: it is in ``If-None-Match``: the caller has this version.
    """
    match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if match is not None and not matches_tag(match, tag):
        raise ConditionNotMet(NOT_MET, field="If-Match")
    if none_match is not None and matches_tag(none_match, tag):
        raise NotModified("Not Modified", field="If-None-Match")


def check_time(request: web.Request, changed: datetime) -> None:
    """Evaluate ``If-Modified-Since`` and ``If-Unmodified-Since``, which only the XML API has; ETags take precedence.

    Raises:
        ConditionNotMet: the object was modified since.
        NotModified: it was not.
    """
    changed = changed.replace(microsecond=0)
    before, after = request.if_unmodified_since, request.if_modified_since
    if "If-Match" not in request.headers and before is not None and changed > before:
        raise ConditionNotMet(NOT_MET, field="If-Unmodified-Since")
    if "If-None-Match" not in request.headers and after is not None and changed <= after:
        raise NotModified("Not Modified", field="If-Modified-Since")


def matches_tag(tags: str, tag: str) -> bool:
    """Whether ``tag`` is in a list of tags, which may be ``*``."""
    return tags.strip() == "*" or tag.strip('"') in {match[1] or match[2] for match in _TAG.finditer(tags)}
