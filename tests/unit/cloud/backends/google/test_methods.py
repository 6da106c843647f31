import pytest

from cloud.backends.google.methods import request
from cloud.errors import FailedPrecondition


def test_a_path_a_query_and_a_regional_host():
    made = request(
        "aiplatform.projects.locations.customJobs.list",
        {"parent": "projects/p/locations/europe-west4", "filter": 'display_name="a"', "pageSize": 5, "pageToken": None},
        region="europe-west4",
    )
    host = "https://europe-west4-aiplatform.googleapis.com"
    assert (
        made.url == f"{host}/v1/projects/p/locations/europe-west4/customJobs?filter=display_name%3D%22a%22&pageSize=5"
    )
    assert (made.http_method, made.body) == ("GET", None)


def test_what_cannot_be_in_a_path_is_quoted():
    made = request("ml.projects.jobs.get", {"name": "projects/p/jobs/a?b#c d"}, region="r")
    assert made.url == "https://ml.googleapis.com/v1/projects/p/jobs/a%3Fb%23c%20d"
    made = request("storage.objects.get", {"bucket": "b", "object": "a/b"}, region="r")
    assert made.url == "https://storage.googleapis.com/storage/v1/b/b/o/a%2Fb"


def test_a_method_that_google_has_not():
    with pytest.raises(FailedPrecondition, match=r"ml\.projects\.jobs\.explode"):
        request("ml.projects.jobs.explode", {}, region="r")


def test_a_parameter_that_a_method_has_not():
    with pytest.raises(KeyError, match="colour"):
        request("ml.projects.jobs.get", {"name": "n", "colour": 1}, region="r")
