"""Who has signed a request in its query, before anything else decides who asks."""

import re
from datetime import datetime

from aiohttp import hdrs, web

from cloud.emulator.http.method_override import METHOD_OVERRIDE
from cloud.emulator.storage_v1.bucket_host import bucket_of_host
from cloud.emulator.storage_v1.signatures import v2, v4
from cloud.emulator.storage_v1.signatures.canonical import signed_request
from cloud.emulator.storage_v1.signatures.errors import HmacNotEmulated, MalformedSignature
from cloud.emulator.storage_v1.signatures.signers import Signers
from cloud.engine.principal import Principal

_SIGNED_HEADER = re.compile(r"(AWS4-HMAC-SHA256|GOOG4-HMAC-SHA256|AWS|GOOG1)\s", re.IGNORECASE)


def signer(request: web.Request, now: datetime, signers: Signers) -> Principal | None:
    """The account that has signed ``request``; None if it has no parameter of a signature, or has a header
    ``Authorization``, which makes an ordinary request of it.

    Raises:
        SignatureFault: it is signed, and not to be accepted.
    """
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is not None:
        if found := _SIGNED_HEADER.match(authorization):
            raise HmacNotEmulated(found[1])
        return None
    if not request.query_string:
        return None
    names = {name.lower() for name in request.query}
    vendor = v4.vendor_of(names)
    if not vendor and not names & v2.NAMES:
        return None
    if request.method == hdrs.METH_POST and METHOD_OVERRIDE in request.headers:
        # The signature is for POST: it must not serve another method.
        raise MalformedSignature(f"{METHOD_OVERRIDE} is not taken with a signature.", METHOD_OVERRIDE)
    facts = signed_request(request, bucket_of_host(request.host))
    return v4.verify(facts, vendor, now, signers) if vendor else v2.verify(facts, now, signers)
