from xml.etree.ElementTree import fromstring

import pytest

from cloud.emulator.rest.errors import ErrorStyle, error_response
from cloud.emulator.storage_v1.signatures.errors import (
    BadExpires,
    BadPolicy,
    EarlySignature,
    ExpiredSignature,
    HmacNotEmulated,
    MalformedSignature,
    WrongSignature,
)


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (WrongSignature("a"), 403, "SignatureDoesNotMatch", "Access denied."),
        (HmacNotEmulated("GOOG4-HMAC-SHA256"), 403, "SignatureDoesNotMatch", "Access denied."),
        (EarlySignature("early"), 403, "AccessDenied", "Access denied."),
        (ExpiredSignature("late"), 400, "ExpiredToken", "Invalid argument."),
        (MalformedSignature("Header must be signed.", "a"), 400, "MalformedSecurityHeader", "Invalid argument."),
        (BadExpires("NaN"), 400, "InvalidArgument", "Invalid argument."),
        (
            BadPolicy("p"),
            400,
            "InvalidPolicyDocument",
            "The content of the form does not meet the conditions specified",
        ),
    ],
)
def test_the_answer_is_googles_xml(error, status, code, message):
    answer = error_response(error, ErrorStyle.XML)
    found = {child.tag: child.text or "" for child in fromstring(answer.text)}  # noqa: S314
    assert (answer.status, found["Code"], found["Details"]) == (status, code, error.message)
    assert found["Message"].startswith(message)


def test_what_was_signed_is_shown_whatever_bytes_it_has():
    answer = error_response(WrongSignature("GET\n\x01<\udcff", "é"), ErrorStyle.XML)
    found = {child.tag: child.text for child in fromstring(answer.text)}  # noqa: S314
    assert (found["StringToSign"], found["CanonicalRequest"]) == ("GET\n\ufffd<\ufffd", "é")
