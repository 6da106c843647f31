"""Requests that are authenticated by a signature in their query or form, which is not verified here: all are refused.

Signed URLs: https://cloud.google.com/storage/docs/authentication/signatures (V4),
https://cloud.google.com/storage/docs/access-control/signed-urls-v2; forms with a policy document:
https://cloud.google.com/storage/docs/xml-api/post-object. Each has a form for clients of Amazon S3.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from aiohttp import BodyPartReader, hdrs, web

from cloud.emulator.rest.errors import BadSignature, ExpiredSignature
from cloud.errors import InvalidArgument

_V4 = re.compile(r"x-(goog|amz)-(algorithm|credential|date|expires|signature|signedheaders|security-token)")
_V4_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_V4_FIELDS = ("Algorithm", "Credential", "Date", "Signature")
_ACCOUNTS = ("GoogleAccessId", "AWSAccessKeyId")
_V2_NAMES = {name.lower() for name in (*_ACCOUNTS, "Signature")}
_LONGEST_LIFE = 7 * 24 * 3600
"""Seconds that a signature of version 4 is valid for at most."""
_LONGEST_FORM = 2**16
"""Bytes of a form before its file."""
_LEAST_HEAD = 100
"""How many of them a part's headers are taken for."""
_NOT_VERIFIED = (
    "Signatures are not verified by this emulator, and whose this one is cannot be known: every signed request is "
    "refused. Send an access token (Authorization: Bearer), or make the object public."
)


def check_query(query: Iterable[tuple[str, str]], now: datetime) -> None:
    """Refuse a signed URL, whoever sends it.

    Args:
        query: names and values.

    Raises:
        BadSignature: the query holds parameters of one.
        ExpiredSignature: one that has expired.
        InvalidArgument: some of them are missing, or malformed.
    """
    given = {name.lower(): value for name, value in query}
    if vendor := _vendor(given):
        _refuse_v4(given, vendor, now)
    if given.keys() & (_V2_NAMES | {"expires"}):
        _require(given, ("Expires", "Signature"), _ACCOUNTS)
        if not re.fullmatch(r"[0-9]{1,11}", given["expires"]):
            raise InvalidArgument(f"Invalid Expires: {given['expires'][:40]!r} is not in seconds since 1970")
        _refuse(datetime.fromtimestamp(int(given["expires"]), UTC), now)


async def check_form(request: web.Request, now: datetime) -> None:
    """Refuse an upload by a form with a policy or a signature. Of other requests nothing is read.

    Raises:
        BadSignature: it is one, and the same errors as above.
    """
    if request.method != "POST" or request.content_type != "multipart/form-data":
        return
    given = await _read_form(request)
    vendor = _vendor(given)
    if not (vendor or given.keys() & (_V2_NAMES | {"policy"})):
        return
    if vendor:
        _require(given, ("policy", *(f"X-{vendor}-{name}" for name in _V4_FIELDS)))
    else:
        _require(given, ("policy", "Signature"), _ACCOUNTS)
    _refuse(_expiration(given["policy"]), now)


def _vendor(given: Mapping[str, str]) -> str:
    found = next(filter(None, map(_V4.fullmatch, given)), None)
    return "" if found is None else found[1].capitalize()


def _refuse_v4(given: Mapping[str, str], vendor: str, now: datetime) -> NoReturn:
    _require(given, [f"X-{vendor}-{name}" for name in _V4_PARAMETERS])
    date, seconds = (given[f"x-{vendor}-{name}".lower()] for name in ("Date", "Expires"))
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date):
        raise InvalidArgument(f"Invalid X-{vendor}-Date: {date[:40]!r} is not like 20261231T235959Z")
    if not re.fullmatch(r"[0-9]{1,6}", seconds) or not 1 <= int(seconds) <= _LONGEST_LIFE:
        raise InvalidArgument(f"Invalid X-{vendor}-Expires: {seconds[:40]!r} is not from 1 to {_LONGEST_LIFE} seconds")
    try:
        since = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        until = since + timedelta(seconds=int(seconds))
    except (ValueError, OverflowError):
        raise InvalidArgument(f"Invalid X-{vendor}-Date: {date} is no date") from None
    _refuse(until, now)


def _refuse(expires: datetime, now: datetime) -> NoReturn:
    if expires < now:
        raise ExpiredSignature(
            f"The provided token has expired. Request signature expired at: {expires.isoformat(timespec='seconds')}"
        )
    raise BadSignature(_NOT_VERIFIED)


def _require(given: Mapping[str, str], names: Iterable[str], one_of: tuple[str, ...] = ()) -> None:
    missing = [name for name in names if not given.get(name.lower())]
    if one_of and not any(given.get(name.lower()) for name in one_of):
        missing.append(" or ".join(one_of))
    if missing:
        raise InvalidArgument(f"The request is signed, but incompletely: it lacks {', '.join(missing)}")


def _expiration(policy: str) -> datetime:
    try:
        text = json.loads(base64.b64decode(policy, validate=True))["expiration"]
        moment = datetime.fromisoformat(text)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidArgument("Invalid policy: not a JSON object with an expiration, in base64") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _read_form(request: web.Request) -> dict[str, str]:
    """The fields before the file, by their names in lower case."""
    given: dict[str, str] = {}
    room = _LONGEST_FORM
    try:
        form = await request.multipart()
        while isinstance(part := await form.next(), BodyPartReader) and part.name != "file":
            content, room = bytearray(), room - _LEAST_HEAD
            while room >= 0 and (chunk := await part.read_chunk()):
                content += chunk
                room -= len(chunk)
            if room < 0:
                raise InvalidArgument(f"The form has more than {_LONGEST_FORM} bytes before its file")
            given[(part.name or "").lower()] = content.decode()
    except (ValueError, AssertionError):
        kind = request.headers.get(hdrs.CONTENT_TYPE, "")
        raise InvalidArgument(f"The body is no form of its Content-Type, {kind[:100]!r}") from None
    return given
