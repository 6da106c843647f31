"""Who has signed a form, and what its policy allows."""

from collections.abc import Mapping
from datetime import datetime

from cloud.emulator.storage_v1.signatures import policy, v2, v4
from cloud.emulator.storage_v1.signatures.canonical import encoded
from cloud.emulator.storage_v1.signatures.errors import HmacNotEmulated, MalformedSignature, WrongSignature
from cloud.emulator.storage_v1.signatures.policy import Policy
from cloud.emulator.storage_v1.signatures.signers import Signers
from cloud.engine.principal import Principal

_V4 = ("Algorithm", "Credential", "Date", "Signature")


def is_signed(fields: Mapping[str, str]) -> bool:
    """Whether a field is one of a policy or a signature. The names are in lower case."""
    return bool(v4.vendor_of(fields) or fields.keys() & (v2.NAMES - {"expires"} | {"policy"}))


def verify(fields: Mapping[str, str], bucket: str, now: datetime, signers: Signers) -> tuple[Principal, Policy]:
    """
    Args:
        fields: all before the file, by their names in lower case, as sent.
        bucket: in the address that the form was sent to.

    Raises:
        SignatureFault: the form is not to be accepted.
    """
    vendor = v4.vendor_of(fields)
    if not fields.get("policy"):
        raise MalformedSignature("The form is signed, and has no policy.", "policy")
    email, signature = _v4(fields, vendor, now) if vendor else _v2(fields)
    # Over the text in base64, as it was sent.
    principal = signers(email, encoded(fields["policy"]), signature)
    if principal is None:
        raise WrongSignature(fields["policy"])
    allowed = policy.parse(fields["policy"])
    policy.check(allowed, fields, bucket, now)
    return principal, allowed


def _v4(fields: Mapping[str, str], vendor: str, now: datetime) -> tuple[str, bytes]:
    given = {name: fields.get(f"x-{vendor}-{name}".lower(), "") for name in _V4}
    for name, value in given.items():
        if not value:
            raise MalformedSignature(f"X-{vendor}-{name} is missing: the form is signed.", f"X-{vendor}-{name}")
    if vendor != "Goog" or given["Algorithm"] != v4.ALGORITHM:
        v4.refuse_algorithm(given["Algorithm"], f"X-{vendor}-Algorithm")
    v4.check_not_early(v4.parse_date(given["Date"]), now)
    scope = v4.parse_scope(given["Credential"], given["Date"][:8])
    return scope.email, v4.parse_signature(given["Signature"])


def _v2(fields: Mapping[str, str]) -> tuple[str, bytes]:
    if fields.get(v2.AMAZON):
        raise HmacNotEmulated("AWSAccessKeyId")
    for name in ("GoogleAccessId", "Signature"):
        if not fields.get(name.lower()):
            raise MalformedSignature(f"{name} is missing: the form is signed.", name)
    return fields["googleaccessid"], v2.parse_signature(fields["signature"])
