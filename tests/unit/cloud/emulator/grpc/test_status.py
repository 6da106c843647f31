import base64
import json
from typing import Any
from urllib.parse import unquote

import pytest

from cloud.emulator.grpc.methods import message
from cloud.emulator.grpc.status import Status, of_response


def read(status: Status) -> Any:
    packed = dict(status.trailers())["grpc-status-details-bin"]
    return message("google.rpc.Status").FromString(base64.b64decode(packed + "=" * (-len(packed) % 4)))


def error(status: str, *details: object, text: str = "no ✗") -> bytes:
    return json.dumps({"error": {"code": 4, "message": text, "status": status, "details": details}}).encode()


def test_an_error_of_rest_keeps_its_code_message_and_details():
    violation = {"field": "name", "description": "no ✗"}
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    status = of_response(400, error("FAILED_PRECONDITION", detail))
    fields = dict(status.trailers())
    assert (fields["grpc-status"], fields["grpc-message"]) == ("9", "no %E2%9C%97")
    bad: Any = message("google.rpc.BadRequest")()
    assert read(status).code == 9
    assert read(status).details[0].Unpack(bad)
    assert bad.field_violations[0].field == "name"


def test_a_method_that_is_not_emulated_is_unimplemented_with_the_same_details():
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "METHOD_NOT_EMULATED", "domain": "d"}
    status = of_response(403, error("PERMISSION_DENIED", detail))
    info: Any = message("google.rpc.ErrorInfo")()
    assert status.code == read(status).code == 12
    assert read(status).details[0].Unpack(info)
    assert (info.reason, info.domain) == ("METHOD_NOT_EMULATED", "d")


def test_a_detail_of_an_unknown_type_is_left_out(caplog):
    known = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "R"}
    status = of_response(400, error("INVALID_ARGUMENT", {"@type": "type.googleapis.com/x.Y"}, 7, known))
    assert [detail.type_url for detail in read(status).details] == ["type.googleapis.com/google.rpc.ErrorInfo"]
    assert "x.Y" in caplog.text


@pytest.mark.parametrize("text", ["a" * 10_000, "✗" * 10_000])
def test_what_is_too_long_for_trailers_is_cut(text):
    detail = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": text}
    fields = dict(of_response(400, error("ABORTED", detail, text=text)).trailers())
    assert 3000 < len(fields["grpc-message"]) <= 3500
    cut = unquote(fields["grpc-message"])
    assert cut.endswith("…")
    assert text.startswith(cut[:-1])
    assert "grpc-status-details-bin" not in fields


@pytest.mark.parametrize(
    ("http_status", "body", "code"),
    [(404, b"Not found", 5), (401, b"{}", 16), (503, b'{"error": 7}', 14), (418, b"", 2), (409, b"", 10)],
)
def test_a_response_of_another_form_has_the_code_of_its_status(http_status, body, code):
    assert of_response(http_status, body).code == code


def test_success_has_a_status_only():
    assert Status(0).trailers() == [("grpc-status", "0")]
