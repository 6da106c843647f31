import pytest

from cloud.engine.serving.frameworks.rules import FrameworkRules
from cloud.errors import PredictionFailed


def test_requests_answers_and_errors():
    rules = FrameworkRules(None)  # type: ignore[arg-type]
    assert rules.read(b'{"instances": [[1]], "signature_name": "any"}') == ("", [[1]])
    assert rules.read(b'{"instances": [], "parameters": null}') == ("", [])
    assert rules.read(b'{"instances": [], "parameters": {"a": 1}}') == ('{"a":1}', [])
    assert rules.write("", [1, 0.5, "a"]) == b'{"predictions":[1,0.5,"a"]}'
    assert rules.write_error("no") == b'{"error":"no"}'
    assert rules.write_raw_error("no") == b'"Prediction failed: no"\n'
    assert rules.joinable(["any"]) == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"instances": {}}', b'{"instances": [NaN]}'])
def test_what_is_no_request(body):
    with pytest.raises(PredictionFailed, match="the request is not"):
        FrameworkRules(None).read(body)  # type: ignore[arg-type]
