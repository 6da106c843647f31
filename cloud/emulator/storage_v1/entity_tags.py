"""``ETag``, and HTTP's conditional requests by ETag and by modification time, which Cloud Storage supports for reads.

https://cloud.google.com/storage/docs/request-preconditions and RFC 9110 §13.
"""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cloud.emulator.storage_v1 import messages
from cloud.engine.storage.preconditions import ConditionNotMet, NotModified
from cloud.engine.storage.records import ObjectRecord

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')


def json_tag(record: ObjectRecord) -> str:
    """The JSON API's, in resources and, without quotes, in headers."""
    return messages.etag(record.generation, record.metageneration)


def xml_tag(record: ObjectRecord) -> str:
    """The XML API's: the MD5 in hexadecimal if there is one (https://cloud.google.com/storage/docs/hashes-etags)."""
    return f'"{base64.b64decode(record.md5).hex()}"' if record.md5 else f'"-{json_tag(record)}"'


def check_tag(request: Mapping[str, str], tag: str) -> None:
    """Evaluate ``If-Match`` and ``If-None-Match``.

    Args:
        request: the request's headers.

    Raises:
        ConditionNotMet: ``tag`` is not in ``If-Match``.
        NotModified: it is in ``If-None-Match``: the caller has this version.
    """
    match, none_match = request.get("If-Match"), request.get("If-None-Match")
    if match is not None and not _contains(match, tag):
        raise ConditionNotMet("At least one of the pre-conditions you specified did not hold.", field="If-Match")
    if none_match is not None and _contains(none_match, tag):
        raise NotModified("Not Modified", field="If-None-Match")


def check_time(request: Mapping[str, str], changed: datetime) -> None:
    """Evaluate ``If-Modified-Since`` and ``If-Unmodified-Since``, which only the XML API has; ETags take precedence.

    Raises:
        ConditionNotMet: the object was modified since.
        NotModified: it was not.
    """
    changed = changed.replace(microsecond=0)
    before, after = _time(request, "If-Unmodified-Since"), _time(request, "If-Modified-Since")
    if "If-Match" not in request and before is not None and changed > before:
        raise ConditionNotMet(
            "At least one of the pre-conditions you specified did not hold.", field="If-Unmodified-Since"
        )
    if "If-None-Match" not in request and after is not None and changed <= after:
        raise NotModified("Not Modified", field="If-Modified-Since")


def _contains(tags: str, tag: str) -> bool:
    return tags.strip() == "*" or tag.strip('"') in {match[1] or match[2] for match in _TAG.finditer(tags)}


def _time(request: Mapping[str, str], header: str) -> datetime | None:
    # RFC 9110 §13.1.3: an invalid date is ignored.
    try:
        time = parsedate_to_datetime(request[header])
    except (KeyError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
