"""Signed URLs of version 2, RSA (https://cloud.google.com/storage/docs/access-control/signed-urls-v2). Pure."""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode

from cloud.emulator.storage_v1.signatures.canonical import EXTENSION, EXTENSIONS, SignedRequest, encoded
from cloud.emulator.storage_v1.signatures.errors import (
    BadExpires,
    ExpiredSignature,
    HmacNotEmulated,
    MalformedSignature,
    WrongSignature,
)
from cloud.emulator.storage_v1.signatures.signers import Signers
from cloud.engine.principal import Principal

AMAZON = "awsaccesskeyid"
NAMES = frozenset({"googleaccessid", "expires", "signature", AMAZON})
"""In lower case. Those of Amazon S3's form are signed with an HMAC key."""
_UNSIGNED_HEADERS = ("x-goog-encryption-key", "x-goog-encryption-key-sha256")
_SUBRESOURCES = re.compile(
    "acl|append|autoclass|billing|compose|contexts|cors|defaultobjectacl|delete|encryption|encryptionconfig|holds|iam|"
    "inventory|lifecycle|location|logging|notification|partnumber|policy|requestpayment|restore|retention|softdelete|"
    "storageclass|tagging|torrent|upload_id|uploadid|uploads|versioning|versionid|versions|website|websiteconfig"
)
"""Parameters, in lower case, that make another method of a request: never taken unsigned."""
_JSON_API = ("/storage/", "/upload/", "/download/", "/resumable/", "/batch", "/b/")
"""How the paths begin where every parameter counts."""


def verify(request: SignedRequest, now: datetime, signers: Signers) -> Principal:
    """The account that has signed.

    Raises:
        SignatureFault: it has not.
    """
    given = request.parameters
    if given.get(AMAZON):
        raise HmacNotEmulated("AWSAccessKeyId")
    for name in ("GoogleAccessId", "Expires", "Signature"):
        if not given.get(name.lower()):
            raise MalformedSignature(f"{name} is missing: the request is signed.", name)
    expires = given["expires"]
    if not re.fullmatch(r"-?[0-9]{1,18}", expires):
        raise BadExpires(f"Expires parameter is not a valid long value: {expires[:40]}")
    if int(expires) < now.timestamp():
        raise ExpiredSignature(f"Request has expired: {expires}")
    signature = parse_signature(given["signature"])
    for name in sorted(request.headers):
        if name.startswith(EXTENSIONS) and not name.startswith(EXTENSION):
            raise MalformedSignature("Header must be signed.", name)
    first = ""
    for resource in _resources(request):
        signed = _string_to_sign(request, expires, resource)
        if principal := signers(given["googleaccessid"], encoded(signed), signature):
            return principal
        first = first or signed
    raise WrongSignature(first)


def parse_signature(text: str) -> bytes:
    """Raises:
    MalformedSignature: it is not base64.
    """
    try:
        # A + that was not quoted is a blank in a query.
        return base64.b64decode(text.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedSignature("Signature was not base64 encoded", "signature") from None


def _string_to_sign(request: SignedRequest, expires: str, resource: str) -> str:
    headers = request.headers
    own = (name for name in sorted(headers) if name.startswith(EXTENSION) and name not in _UNSIGNED_HEADERS)
    return "\n".join(
        (
            request.method,
            headers.get("content-md5", ""),
            headers.get("content-type", ""),
            expires,
            *(f"{name}:{headers[name]}" for name in own),
            resource,
        )
    )


def _resources(request: SignedRequest) -> Iterator[str]:
    """What the signature may name: the object or bucket, alone or with parameters. Clients sign those that their
    caller names as such, and append others that they know themselves."""
    others = [(name.lower(), value.strip()) for name, value in request.query if name.lower() not in NAMES]
    is_read = request.method in ("GET", "HEAD")
    is_plain = not others or not any(
        _SUBRESOURCES.fullmatch(name) or (name == "generation" and not is_read) or request.path.startswith(_JSON_API)
        for name, _ in others
    )
    own = [
        (name, value)
        for name, value in others
        if not name.startswith("response-") and not (name == "generation" and is_read)
    ]
    for path in request.paths:
        # In the spelling of a path, whichever host is used.
        resource = path if request.bucket is None else f"/{request.bucket}{path}"
        if is_plain:
            yield resource
        for pairs in filter(None, (others, own) if own != others else (others,)):
            query = urlencode(sorted(pairs))
            yield f"{resource}?{query}"
            # Subresources are also signed as ?acl, without a value.
            yield f"{resource}?{re.sub(r'=(?=&|$)', '', query)}"
