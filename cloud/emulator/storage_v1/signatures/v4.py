"""Signed URLs of version 4, RSA (https://cloud.google.com/storage/docs/authentication/signatures). Pure."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from cloud.emulator.storage_v1.signatures.canonical import EXTENSIONS, SignedRequest, encoded
from cloud.emulator.storage_v1.signatures.errors import (
    EarlySignature,
    ExpiredSignature,
    HmacNotEmulated,
    MalformedSignature,
    WrongSignature,
)
from cloud.emulator.storage_v1.signatures.signers import Signers
from cloud.engine.principal import Principal

ALGORITHM = "GOOG4-RSA-SHA256"
CLOCK_SKEW = timedelta(minutes=15)
"""How much later than the server's the signer's clock may be."""
_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_SIGNED = re.compile(r"x-(goog|amz)-(algorithm|credential|date|expires|signature|signedheaders|security-token)")
_LONGEST_LIFE = 7 * 24 * 3600
"""Seconds that a signature is valid for at most."""
_PAYLOAD_HASH = "x-goog-content-sha256"


@dataclass(frozen=True, slots=True)
class Scope:
    """Who signed, and for which day, region and service."""

    email: str
    text: str
    """``20261231/auto/storage/goog4_request``."""


def vendor_of(names: Iterable[str]) -> str:
    """``Goog`` or ``Amz`` if these parameters or fields, in lower case, have one of a signature; else empty."""
    found = next(filter(None, map(_SIGNED.fullmatch, names)), None)
    return "" if found is None else found[1].capitalize()


def verify(request: SignedRequest, vendor: str, now: datetime, signers: Signers) -> Principal:
    """The account that has signed.

    Raises:
        SignatureFault: it has not.
    """
    given = {name: request.parameters.get(f"x-{vendor}-{name}".lower(), "") for name in _PARAMETERS}
    for name, value in given.items():
        if not value:
            raise MalformedSignature(f"X-{vendor}-{name} is missing: the request is signed.", f"X-{vendor}-{name}")
    if vendor != "Goog" or given["Algorithm"] != ALGORITHM:
        refuse_algorithm(given["Algorithm"], f"X-{vendor}-Algorithm")
    date = parse_date(given["Date"])
    scope = parse_scope(given["Credential"], given["Date"][:8])
    _check_clock(date, given["Expires"], now)
    signature = parse_signature(given["Signature"])
    names = _signed_headers(request, given["SignedHeaders"])
    first = ("", "")
    for host in request.hosts:
        for path in request.paths:
            canonical = _canonical_request(request, names, host, path)
            digest = hashlib.sha256(encoded(canonical)).hexdigest()
            signed = "\n".join((ALGORITHM, given["Date"], scope.text, digest))
            if principal := signers(scope.email, encoded(signed), signature):
                return principal
            first = first if any(first) else (signed, canonical)
    raise WrongSignature(*first)


def refuse_algorithm(algorithm: str, parameter: str) -> NoReturn:
    """Raises:
    HmacNotEmulated, MalformedSignature: always.
    """
    if algorithm in ("GOOG4-HMAC-SHA256", "AWS4-HMAC-SHA256"):
        raise HmacNotEmulated(algorithm)
    raise MalformedSignature(f"{algorithm[:40]!r} is no algorithm: {ALGORITHM} is.", parameter)


def parse_date(text: str) -> datetime:
    """Raises:
    MalformedSignature: it is none.
    """
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass  # such as the 31st of June
    raise MalformedSignature(f"{text[:40]!r} is no date like 20261231T235959Z.", "X-Goog-Date")


def parse_scope(credential: str, day: str) -> Scope:
    """
    Args:
        day: ``20261231``.

    Raises:
        MalformedSignature: it is not for Cloud Storage, or for another day.
    """
    email, _, text = credential.partition("/")
    if not email or not re.fullmatch(rf"{day}/[A-Za-z0-9-]+/storage/goog4_request", text):
        wanted = f"EMAIL/{day}/LOCATION/storage/goog4_request"
        raise MalformedSignature(f"{credential[:300]!r} is not like {wanted}.", "X-Goog-Credential")
    return Scope(email, text)


def parse_signature(text: str) -> bytes:
    """Raises:
    MalformedSignature: it is not hexadecimal.
    """
    if len(text) % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", text):
        raise MalformedSignature("Signature was not hex encoded.", "X-Goog-Signature")
    return bytes.fromhex(text)


def check_not_early(date: datetime, now: datetime) -> None:
    """Raises:
    EarlySignature: it was signed with a clock that is too far ahead.
    """
    # Not date minus skew: it may be the first date that there is.
    if date - now > CLOCK_SKEW:
        raise EarlySignature(f"The signature is dated {date.isoformat()}, more than 15 minutes ahead of this clock.")


def _check_clock(date: datetime, expires: str, now: datetime) -> None:
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= _LONGEST_LIFE:
        raise MalformedSignature(
            f"{expires[:40]!r} is not a number of seconds from 1 to {_LONGEST_LIFE}.", "X-Goog-Expires"
        )
    check_not_early(date, now)
    until = date + timedelta(seconds=int(expires))
    if until < now:
        raise ExpiredSignature(f"Request signature expired at: {until.isoformat(timespec='seconds')}")


def _signed_headers(request: SignedRequest, given: str) -> list[str]:
    """Raises:
    MalformedSignature: one that must be signed is not, or one that is signed was not sent.
    """
    names = given.lower().split(";")
    if "host" not in names:
        raise MalformedSignature("Host header not signed.", "host")
    for name in sorted(request.headers):
        if name.startswith(EXTENSIONS) and name not in names:
            raise MalformedSignature("Header must be signed.", name)
    for name in names:
        if name not in request.headers:
            raise MalformedSignature("Header was included in signedheaders, but not in the request.", name)
    return names


def _canonical_request(request: SignedRequest, names: list[str], host: str, path: str) -> str:
    headers = {**request.headers, "host": host}
    lines = [f"{name}:{headers[name]}" for name in names]
    payload = headers[_PAYLOAD_HASH] if _PAYLOAD_HASH in names else "UNSIGNED-PAYLOAD"
    query = request.canonical_query("x-goog-signature")
    return "\n".join((request.method, path, query, *lines, "", ";".join(names), payload))
