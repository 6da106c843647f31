"""``ETag``, and the conditions of HTTP on it and on the time of the last change, which Cloud Storage takes on reads.

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
    """As the JSON API has it, in resources and, without quotes, in headers."""
    return messages.etag(record.generation, record.metageneration)


def xml_tag(record: ObjectRecord) -> str:
    """As the XML API has it: the MD5 in hexadecimal, where there is one
    (https://cloud.google.com/storage/docs/hashes-etags)."""
    return f'"{base64.b64decode(record.md5).hex()}"' if record.md5 else f'"-{json_tag(record)}"'


def check_tag(request: Mapping[str, str], tag: str) -> None:
    """Decide ``If-Match`` and ``If-None-Match``.

    Args:
        request: its headers.

    Raises:
        ConditionNotMet: ``tag`` is not among those that are wanted.
        NotModified: it is the one that the caller has.
    """
    wanted, had = request.get("If-Match"), request.get("If-None-Match")
    if wanted is not None and not _names(wanted, tag):
        raise ConditionNotMet("At least one of the pre-conditions you specified did not hold.", field="If-Match")
    if had is not None and _names(had, tag):
        raise NotModified("Not Modified", field="If-None-Match")


def check_time(request: Mapping[str, str], changed: datetime) -> None:
    """Decide ``If-Modified-Since`` and ``If-Unmodified-Since``, which only the XML API has; tags go before times.

    Raises:
        ConditionNotMet: the object was changed since.
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


def _names(tags: str, tag: str) -> bool:
    return tags.strip() == "*" or tag.strip('"') in {match[1] or match[2] for match in _TAG.finditer(tags)}


def _time(request: Mapping[str, str], header: str) -> datetime | None:
    # RFC 9110 §13.1.3: what is no time is ignored.
    try:
        time = parsedate_to_datetime(request[header])
    except (KeyError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
