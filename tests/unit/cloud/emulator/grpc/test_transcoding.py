import json
import math
from typing import Any

import pytest
from google.protobuf import json_format

from cloud.emulator.grpc.methods import find, pool
from cloud.emulator.grpc.transcoding import from_rest, to_rest
from cloud.errors import InvalidArgument

VERTEX = "/google.cloud.aiplatform.v1"
LOCATION = "projects/p/locations/us-central1"


def rest(path: str, request: dict):
    method = find(path)
    assert method is not None
    return to_rest(method, json_format.ParseDict(request, method.request(), descriptor_pool=pool()))


def test_a_field_of_the_request_is_the_body_and_others_are_the_query():
    request = {"parent": LOCATION, "endpoint": {"displayName": "e"}, "endpointId": "a b"}
    made = rest(f"{VERTEX}.EndpointService/CreateEndpoint", request)
    assert (made.method, made.target) == ("POST", f"/v1/{LOCATION}/endpoints?endpointId=a%20b")
    assert json.loads(made.body) == {"displayName": "e"}


def test_a_nested_field_is_in_the_path_and_the_mask_in_the_query():
    name = f"{LOCATION}/endpoints/7"
    request = {"endpoint": {"name": name, "displayName": "e"}, "updateMask": "displayName,trafficSplit"}
    made = rest(f"{VERTEX}.EndpointService/UpdateEndpoint", request)
    assert (made.method, made.target) == ("PATCH", f"/v1/{name}?updateMask=displayName%2CtrafficSplit")
    assert json.loads(made.body) == {"displayName": "e"}


def test_all_that_the_path_does_not_have_is_the_body():
    name = f"{LOCATION}/endpoints/7"
    request = {"endpoint": name, "instances": [{"x": 4, "y": 0.5, "z": [1e300]}]}
    made = rest(f"{VERTEX}.PredictionService/Predict", request)
    assert made.target == f"/v1/{name}:predict"
    assert json.loads(made.body) == {"instances": [{"x": 4, "y": 0.5, "z": [1e300]}]}
    assert b"4.0" not in made.body


def test_a_get_has_a_query_only():
    request = {"parent": LOCATION, "filter": 'labels.a="ü&"', "pageSize": 5, "readMask": "name"}
    made = rest(f"{VERTEX}.JobService/ListCustomJobs", request)
    assert made.method == "GET"
    assert made.body == b""
    assert "filter=labels.a%3D%22%C3%BC%26%22" in made.target
    assert "pageSize=5" in made.target


def test_a_body_of_any_form_goes_on_as_it_is():
    name = f"{LOCATION}/endpoints/7"
    method = find(f"{VERTEX}.PredictionService/RawPredict")
    assert method is not None
    request = method.request(endpoint=name)
    request.http_body.data, request.http_body.content_type = b"\0raw", "text/plain"
    made = to_rest(method, request)
    assert (made.body, made.content_type) == (b"\0raw", "text/plain")
    assert from_rest(method, b"\xff", "image/png").data == b"\xff"


def test_a_field_that_the_path_needs_is_named():
    with pytest.raises(InvalidArgument, match=r"projects/\*/locations/\*: 'p'") as raised:
        rest(f"{VERTEX}.JobService/ListCustomJobs", {"parent": "p"})
    assert raised.value.field == "parent"


@pytest.mark.parametrize(
    ("method", "request_text"),
    [
        ("PredictionService/Predict", {"endpoint": f"{LOCATION}/endpoints/7"}),
        ("EndpointService/UpdateEndpoint", {"endpoint": {"name": f"{LOCATION}/endpoints/7"}}),
    ],
)
def test_a_value_that_has_no_form_in_json_is_an_invalid_argument(method, request_text):
    found = find(f"{VERTEX}.{method}")
    assert found is not None
    request: Any = json_format.ParseDict(request_text, found.request(), descriptor_pool=pool())
    if "Predict" in method:
        request.instances.add().number_value = math.inf
    else:
        request.update_mask.paths.append("displayName")
    with pytest.raises(InvalidArgument, match=r"Infinity|uppercase"):
        to_rest(found, request)


def test_a_content_type_is_a_header():
    method = find(f"{VERTEX}.PredictionService/RawPredict")
    assert method is not None
    request: Any = method.request(endpoint=f"{LOCATION}/endpoints/7")
    request.http_body.data, request.http_body.content_type = b"a", "text/plain\r\nHost: other"
    with pytest.raises(InvalidArgument, match="not a content type") as raised:
        to_rest(method, request)
    assert raised.value.field == "http_body.content_type"


def test_a_response_may_have_fields_that_the_message_does_not_have():
    method = find(f"{VERTEX}.JobService/GetCustomJob")
    assert method is not None
    job = from_rest(method, b'{"name": "n", "state": "JOB_STATE_RUNNING", "of next year": {}}', "application/json")
    assert json_format.MessageToDict(job, descriptor_pool=pool()) == {"name": "n", "state": "JOB_STATE_RUNNING"}


def test_what_is_not_the_json_of_a_response_is_an_error():
    method = find(f"{VERTEX}.JobService/GetCustomJob")
    assert method is not None
    for body in (b"[", b'{"name": 7}', b"[]"):
        with pytest.raises(ValueError, match=r"Expecting|Failed to parse|was expected"):
            from_rest(method, body, "application/json")
