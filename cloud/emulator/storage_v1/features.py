"""Features that are not emulated and that a caller would rely on: requests for them are refused, never ignored.

With 400, not 501: gsutil retries 501 for minutes before it reports the error.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from cloud.errors import InvalidArgument

_BUCKET = {
    "billing": "requesterPays",
    "hierarchicalNamespace": "enabled",
    "encryption": "defaultKmsKeyName",
}
_OBJECT = {
    "kmsKeyName": None,
    "contexts": None,
}
"""For each field the key in it that enables the feature; None: any value of the field does."""
_PARAMETERS = {
    "kmsKeyName": "Keys of Cloud KMS are not emulated.",
    "destinationKmsKeyName": "Keys of Cloud KMS are not emulated.",
    "restoreToken": "Only buckets with a hierarchical namespace have restore tokens, and none are emulated.",
    "filter": "Objects have no contexts here, and a list can be filtered by nothing else.",
}
_CUSTOMER_KEY = ("x-goog-encryption-", "x-goog-copy-source-encryption-")


def check_bucket(resource: Mapping[str, Any]) -> None:
    """Raises:
    InvalidArgument: a bucket's resource enables a feature that is not emulated.
    """
    _check("A bucket", resource, _BUCKET)
    if (resource.get("ipFilter") or {}).get("mode") == "Enabled":
        raise InvalidArgument("A bucket's ipFilter is not emulated: it can only be Disabled.", field="ipFilter.mode")


def check_object(resource: Mapping[str, Any]) -> None:
    """The same for an object's resource."""
    _check("An object", resource, _OBJECT)


def _check(owner: str, resource: Mapping[str, Any], switches: Mapping[str, str | None]) -> None:
    for field, switch in switches.items():
        value = resource.get(field)
        if value and (switch is None or (isinstance(value, dict) and value.get(switch))):
            name = f"{field}.{switch}" if switch else field
            raise InvalidArgument(f"{owner}'s {name} is not emulated.", field=field)


def check_request(request: web.Request) -> None:
    """Raises:
    InvalidArgument: headers or parameters of encryption with the caller's keys.
    """
    for name in request.headers:
        if name.lower().startswith(_CUSTOMER_KEY):
            raise InvalidArgument("Customer-supplied encryption keys are not emulated.", field=name.lower())
    for name, refusal in _PARAMETERS.items():
        if request.query.get(name):
            raise InvalidArgument(refusal, field=name)
