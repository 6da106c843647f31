"""What is wrong with a signed request, in the words of Cloud Storage.

The texts are those of production, as clients have reported them; see docs/fidelity.md for those that nobody has.
"""

import re
from collections.abc import Mapping

from cloud.engine.storage.errors import StorageFault
from cloud.errors import InvalidArgument, PermissionDenied

_INVALID, _DENIED = "Invalid argument.", "Access denied."
# Compiled when a signature is refused: that takes longer than importing the rest of most modules.
_NOT_XML = r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_WRONG = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your Google secret key and signing method."
)


class SignatureFault(StorageFault):
    """A signed request that is refused: answered in XML, whichever API its address is of.

    Args:
        elements: further elements of the answer.
    """

    def __init__(self, message: str, elements: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        # What was signed may hold bytes that no XML holds.
        self.elements = {name: re.sub(_NOT_XML, "\ufffd", text) for name, text in (elements or {}).items()}


class WrongSignature(SignatureFault, PermissionDenied):
    """Nobody has signed this request: not this text, not with a key of this account, or there is no such account.

    Args:
        signed: the text that the signature should be of; empty where none was computed.
        canonical_request: of version 4.
    """

    xml_code, xml_message = "SignatureDoesNotMatch", _DENIED

    def __init__(self, signed: str, canonical_request: str = "") -> None:
        given = {"StringToSign": signed, "CanonicalRequest": canonical_request}
        super().__init__(_WRONG, {name: text for name, text in given.items() if text})


class HmacNotEmulated(SignatureFault, PermissionDenied):
    """Signed with an HMAC key, or in the form for Amazon S3, which takes one."""

    xml_code, xml_message = "SignatureDoesNotMatch", _DENIED

    def __init__(self, algorithm: str) -> None:
        super().__init__(
            f"HMAC keys are not emulated, so {algorithm[:40]} cannot be verified: sign with the key of a service "
            "account (GOOG4-RSA-SHA256), or send an access token (Authorization: Bearer)."
        )


class EarlySignature(SignatureFault, PermissionDenied):
    """It is valid later."""

    xml_code, xml_message = "AccessDenied", _DENIED


class ExpiredSignature(SignatureFault, InvalidArgument):
    """It came too late."""

    xml_code, xml_message = "ExpiredToken", _INVALID

    def __init__(self, when: str) -> None:
        super().__init__(f"The provided token has expired. {when}")


class MalformedSignature(SignatureFault, InvalidArgument):
    """A parameter or a header that takes part in the signature is missing or malformed.

    Args:
        parameter: its name.
    """

    xml_code, xml_message = "MalformedSecurityHeader", _INVALID

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(f"Your request has a malformed header. {message}", {"ParameterName": parameter[:100]})


class BadExpires(SignatureFault, InvalidArgument):
    """``Expires`` of version 2 is no number."""

    xml_code, xml_message = "InvalidArgument", _INVALID


class BadPolicy(SignatureFault, InvalidArgument):
    """A form is out of its policy document, which has expired, or is none."""

    xml_code = "InvalidPolicyDocument"
    xml_message = "The content of the form does not meet the conditions specified in the policy document."
