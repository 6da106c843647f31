"""What a request may ask for that is not emulated, and that whoever asks will rely on: it is refused, never ignored.

With 400, not 501: gsutil repeats that for minutes before it tells.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from cloud.errors import InvalidArgument

_OF_BUCKETS = {
    "versioning": "enabled",
    "billing": "requesterPays",
    "hierarchicalNamespace": "enabled",
    "encryption": "defaultKmsKeyName",
    "objectRetention": None,
    "retentionPolicy": None,
    "defaultEventBasedHold": None,
    "ipFilter": None,
}
_OF_OBJECTS = {
    "retention": "mode",
    "temporaryHold": None,
    "eventBasedHold": None,
    "kmsKeyName": None,
    "contexts": None,
}
"""Each field with what in it is the switch; None is the field itself."""
_PARAMETERS = ("kmsKeyName", "destinationKmsKeyName")
_OWN_KEY = ("x-goog-encryption-", "x-goog-copy-source-encryption-")


def check_bucket(resource: Mapping[str, Any]) -> None:
    """Raises:
    InvalidArgument: a bucket's resource switches something on that is not emulated.
    """
    _check("bucket", resource, _OF_BUCKETS)


def check_object(resource: Mapping[str, Any]) -> None:
    """The same of an object's resource."""
    _check("object", resource, _OF_OBJECTS)


def _check(kind: str, resource: Mapping[str, Any], switches: Mapping[str, str | None]) -> None:
    for field, switch in switches.items():
        value = resource.get(field)
        if value and (switch is None or (isinstance(value, dict) and value.get(switch))):
            article = "An" if kind[0] in "aeiou" else "A"
            raise InvalidArgument(f"{article} {kind}'s {field} is not emulated.", field=field)


def check_request(request: web.Request) -> None:
    """Raises:
    InvalidArgument: objects are to be encrypted with a key of the caller's, retention to be enabled.
    """
    for name in request.headers:
        if name.lower().startswith(_OWN_KEY):
            raise InvalidArgument("Customer-supplied encryption keys are not emulated.", field=name.lower())
    for name in _PARAMETERS:
        if request.query.get(name):
            raise InvalidArgument("Keys of Cloud KMS are not emulated.", field=name)
    if request.query.get("enableObjectRetention", "").lower() == "true":
        raise InvalidArgument("A bucket's objectRetention is not emulated.", field="enableObjectRetention")
