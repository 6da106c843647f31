import json
import re

import pytest

from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.errors import InvalidRequest
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound

ML = load("ml.v1")


def flat_paths(resource):
    for method in resource.get("methods", {}).values():
        yield method["id"], method["httpMethod"], "/" + re.sub(r"\{\w+\}", "x_1", method["flatPath"])
    for below in resource.get("resources", {}).values():
        yield from flat_paths(below)


@pytest.mark.parametrize(("method_id", "verb", "path"), [*flat_paths(json.loads(ML.content))])
def test_every_method_is_found_where_the_document_has_it(method_id, verb, path):
    method, name = ML.match(verb, path)
    assert method.id == method_id
    assert name.startswith("projects/x_1")


def test_a_name_of_many_parts_is_found():
    method, name = ML.match("POST", "/v1/projects/p/models/m/versions/v%201:predict")
    assert (method.id, name) == ("ml.projects.predict", "projects/p/models/m/versions/v 1")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1/projects/p"),
        ("GET", "/v1/projects//jobs"),
        ("PUT", "/v1/projects/p/jobs"),
        ("GET", "/v1/projects/p/jobs/j:cancel"),
        ("POST", "/v1/projects/p/jobs/j"),
        ("GET", "/v2/projects/p/jobs"),
        ("GET", "v1/projects/p/jobs"),
        ("GET", "/v1/projects/p/jobs/"),
        ("GET", "/v1/projects/p/jobs/a/b"),
        ("GET", "/v1/projects/p/jobs/%ff"),
        ("GET", ""),
    ],
)
def test_what_is_no_method(verb, path):
    with pytest.raises(NotFound):
        ML.match(verb, path)


def test_a_quoted_slash_stays_in_its_part():
    assert ML.match("GET", "/v1/projects/p/jobs/a%2Fb")[1] == "projects/p/jobs/a%2Fb"


def test_parameters_are_read_in_either_spelling():
    method = ML.methods["ml.projects.jobs.list"]
    read = ML.query(method, {"page_size": ["5"], "$.xgafv": ["2"], "$prettyPrint": ["false"], "filter": [""]})
    assert read == {"pageSize": 5, "$.xgafv": "2", "prettyPrint": False, "filter": ""}


def test_every_wrong_parameter_is_told():
    with pytest.raises(InvalidRequest) as caught:
        ML.query(
            ML.methods["ml.projects.jobs.list"], {"size": ["1"], "pageSize": ["x"], "filter": ["a", "b"], "alt": ["x"]}
        )
    unknown, wrong, twice, kind = [violation.description for violation in caught.value.violations]
    assert unknown == (
        'Invalid JSON payload received. Unknown name "size": Cannot bind query parameter. '
        "Field 'size' could not be found in request message."
    )
    assert wrong == "Invalid value at 'page_size' (TYPE_INT32), \"x\""
    assert "cannot start list" in twice
    assert kind == "Invalid value at 'alt' (TYPE_ENUM), \"x\""


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 5000, b'{"a": NaN}'])
def test_what_is_no_json(content):
    with pytest.raises(InvalidArgument, match="Invalid JSON payload received"):
        ML.body(ML.methods["ml.projects.jobs.create"], content)


def test_no_body_is_an_empty_message():
    assert ML.body(ML.methods["ml.projects.jobs.cancel"], b" ") == {}


def test_a_body_may_repeat_what_is_in_the_path():
    name = "projects/p/models/m/versions/v"
    assert ML.body(ML.methods["ml.projects.models.versions.setDefault"], b'{"name": "%s"}' % name.encode()) == {}
    with pytest.raises(InvalidRequest, match='Unknown name "parent"'):
        ML.body(ML.methods["ml.projects.models.create"], b'{"name": "m", "parent": "projects/p"}')


def test_a_document_that_is_not_there():
    with pytest.raises(FailedPrecondition, match=r"nothing\.v1"):
        load("nothing.v1")


@pytest.mark.parametrize(
    ("verb", "path", "found"),
    [
        ("POST", "/v1:evaluateDataset", ("aiplatform.evaluateDataset", "")),
        ("GET", "/v1/datasets", ("aiplatform.datasets.list", "")),
        (
            "POST",
            "/v1/projects/p/locations/l/endpoints/e/deployedModels/d/invoke/a/b",
            (
                "aiplatform.projects.locations.endpoints.deployedModels.invoke.invoke",
                "projects/p/locations/l/endpoints/e",
            ),
        ),
        (
            "GET",
            "/v1/projects/p/locations/l/models/m%402:listVersions",
            ("aiplatform.projects.locations.models.listVersions", "projects/p/locations/l/models/m@2"),
        ),
    ],
)
def test_a_path_may_have_any_number_of_parameters(verb, path, found):
    method, name = load("aiplatform.v1").match(verb, path)
    assert (method.id, name) == found
