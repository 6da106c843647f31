import pytest

from cloud.backends.google.methods import request
from cloud.errors import FailedPrecondition


def test_a_path_a_query_and_a_regional_host():
    found = request(
        "aiplatform.projects.locations.customJobs.list",
        {"parent": "projects/p/locations/europe-west4", "filter": 'display_name="a"', "pageSize": 5, "pageToken": None},
        region="europe-west4",
    )
    host = "https://europe-west4-aiplatform.googleapis.com"
    assert (
        found.url == f"{host}/v1/projects/p/locations/europe-west4/customJobs?filter=display_name%3D%22a%22&pageSize=5"
    )
    assert (found.http_method, found.body) == ("GET", None)


def test_paths_are_quoted():
    found = request("ml.projects.jobs.get", {"name": "projects/p/jobs/a?b#c d"}, region="r")
    assert found.url == "https://ml.googleapis.com/v1/projects/p/jobs/a%3Fb%23c%20d"
    found = request("storage.objects.get", {"bucket": "b", "object": "a/b"}, region="r")
    assert found.url == "https://storage.googleapis.com/storage/v1/b/b/o/a%2Fb"


def test_an_unknown_method():
    with pytest.raises(FailedPrecondition, match=r"ml\.projects\.jobs\.explode"):
        request("ml.projects.jobs.explode", {}, region="r")


def test_an_unknown_parameter():
    with pytest.raises(KeyError, match="colour"):
        request("ml.projects.jobs.get", {"name": "n", "colour": 1}, region="r")
