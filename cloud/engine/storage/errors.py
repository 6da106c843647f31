"""Errors that Cloud Storage names more closely than by their HTTP status.

Reasons of the JSON API: https://cloud.google.com/storage/docs/json_api/v1/status-codes, codes of the XML API:
https://cloud.google.com/storage/docs/xml-api/reference-status.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from cloud.errors import CloudError, Unauthenticated


class StorageFault(CloudError):
    """An error with a name of its own. Mixed into one of the canonical errors, which has the status:
    ``class NoSuchUpload(StorageFault, NotFound)``.
    """

    reason: ClassVar[str] = ""
    """In the JSON API; empty for the one of the status."""
    xml_code: ClassVar[str] = ""
    """In the XML API; empty for the one of the status."""
    xml_message: ClassVar[str] = ""
    """The fixed text of ``Message`` in the XML API, where the error's own message is ``Details``."""
    is_bare_text: ClassVar[bool] = False
    """In the JSON API its message is the whole answer."""
    elements: Mapping[str, str] = MappingProxyType({})
    """Further elements of the answer in the XML API, such as ``StringToSign``."""


class AnonymousRefused(Unauthenticated):
    """A caller without credentials lacks a permission. In the XML API that is 403, as of any other caller; 401 there is
    for credentials that are not valid.
    """
