"""State folders of every format are opened, and everything is there.

tests/data/make_state.py makes one. Keys and caches are not in the archives, and are created again.
"""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.engine.state_folder import FORMAT
from cloud.server.thread import BackgroundCloud
from cloud.settings import Settings
from integration.owner import ML, PROJECT, STORAGE, Owner

VERTEX = "us-central1-aiplatform"
LOCATION = f"{PROJECT}/locations/us-central1"
ARCHIVES = sorted((Path(__file__).parents[1] / "data").glob("state-*.tar.gz"))
_XATTR = "SCHILY.xattr."
_TIMEOUT = 120.0
"""Seconds: the most that loading TensorFlow takes on a busy machine."""


def unpack(archive: Path, folder: Path) -> None:
    """With extended attributes, in which fake-gcs-server stores an object's metadata."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
        for member in tar:
            for name, value in member.pax_headers.items():
                if name.startswith(_XATTR) and hasattr(os, "setxattr"):
                    encoded = value.encode("utf-8", "surrogateescape")
                    os.setxattr(folder / member.name, name.removeprefix(_XATTR), encoded)


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.split(".")[0])
def owner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    state = tmp_path_factory.mktemp("state")
    unpack(request.param, state)
    with BackgroundCloud(Settings(state_dir=state)) as cloud:
        assert (state / "format").read_text() == f"{FORMAT}\n"
        yield Owner(cloud)


def get(owner: Owner, api: str, path: str) -> dict:
    status, response = owner.json("GET", api, path)
    assert status == 200, response
    return response


def test_there_is_state_of_every_format() -> None:
    kept = {path.name.split(".")[0] for path in ARCHIVES}
    assert kept >= {f"state-{number}" for number in range(1, FORMAT + 1)}


def test_the_projects_policy_and_accounts(owner: Owner, request: pytest.FixtureRequest) -> None:
    status, policy = owner.json("POST", "cloudresourcemanager", f"{PROJECT}:getIamPolicy", {})
    assert status == 200, policy
    roles = {binding["role"]: binding["members"] for binding in policy["bindings"]}
    accounts = [account["email"] for account in get(owner, "iam", f"{PROJECT}/serviceAccounts")["accounts"]]
    kept = "kept-account@local-project.iam.gserviceaccount.com"
    is_kept = request.node.callspec.id not in ("state-1", "state-2", "state-3")  # which had no policy
    assert (roles.get("roles/viewer"), kept in accounts) == ([f"serviceAccount:{kept}"] if is_kept else None, is_kept)
    assert roles["roles/owner"] == ["user:owner@local-project.example.com"]


def test_jobs(owner: Owner) -> None:
    listed = [job for job in get(owner, ML, f"{PROJECT}/jobs")["jobs"] if job["jobId"] not in ("predicts", "tunes")]
    assert [(job["jobId"], job["state"], job["labels"]) for job in listed] == [
        ("fails", "FAILED", {"does": "fail"}),
        ("exports", "SUCCEEDED", {"does": "export"}),
    ]
    assert "no good" in listed[0]["errorMessage"]
    assert listed[1]["trainingInput"]["packageUris"] == ["gs://kept/does-1-py3-none-any.whl"]
    failed = get(owner, ML, f"{PROJECT}/jobs?filter=state:FAILED")["jobs"]
    assert [job["jobId"] for job in failed] == ["fails"]


def test_jobs_of_other_kinds(owner: Owner, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.id in ("state-1", "state-2", "state-3", "state-4"):  # which had none
        return
    tuned = get(owner, ML, f"{PROJECT}/jobs/tunes")["trainingOutput"]
    assert [(trial["trialId"], trial["finalMetric"]["objectiveValue"]) for trial in tuned["trials"]] == [
        ("1", 1),
        ("2", 2),
    ]
    predicted = get(owner, ML, f"{PROJECT}/jobs/predicts")["predictionOutput"]
    assert (predicted["outputPath"], predicted["predictionCount"]) == ("gs://kept/predictions", "2")


def test_logs(owner: Owner) -> None:
    body = {"resourceNames": ["projects/local-project"], "filter": "resource.labels.job_id=exports", "pageSize": 1000}
    status, response = owner.json("POST", "logging", "/v2/entries:list", body)
    assert status == 200
    output = [entry["jsonPayload"]["message"] for entry in response["entries"] if "jsonPayload" in entry]
    assert "exported" in output


def test_objects(owner: Owner) -> None:
    assert get(owner, STORAGE, "/storage/v1/b/kept")["labels"] == {"team": "fares"}
    names = {item["name"] for item in get(owner, STORAGE, "/storage/v1/b/kept/o")["items"]}
    assert {"a name/with é.txt", "does-1-py3-none-any.whl", "export/saved_model.pb"} <= names
    assert owner.raw("GET", STORAGE, "/storage/v1/b/kept/o/a%20name%2Fwith%20%C3%A9.txt?alt=media") == (200, b"kept")


def test_versions_and_uploads(owner: Owner, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.id in {f"state-{number}" for number in range(1, 6)}:  # which had none
        return
    objects = "/storage/v1/b/versions/o"
    versions = get(owner, STORAGE, f"{objects}?versions=true")["items"]
    assert [(item["name"], "timeDeleted" in item) for item in versions] == [("held", False), ("o", True), ("o", False)]
    assert versions[0]["temporaryHold"] is True
    status, content = owner.raw("GET", STORAGE, f"/versions/o?generation={versions[1]['generation']}")
    assert (status, content) == (200, b"first")
    # Ninety days after the archive was made there is none.
    for deleted in get(owner, STORAGE, f"{objects}?softDeleted=true").get("items", []):
        restore = f"{objects}/deleted/restore?generation={deleted['generation']}"
        status, restored = owner.json("POST", STORAGE, restore, {})
        assert (status, restored["size"]) == (200, "4")
    status, uploads = owner.raw("GET", STORAGE, "/versions?uploads")
    assert (status, uploads.count(b"<Key>parts</Key>")) == (200, 1)


def test_a_model_and_its_version(owner: Owner) -> None:
    model = get(owner, ML, f"{PROJECT}/models/twice")
    assert (model["labels"], model["description"]) == ({"team": "fares"}, "of state")
    assert model["defaultVersion"]["deploymentUri"] == "gs://kept/export"
    status, response = owner.json("POST", ML, f"{PROJECT}/models/twice:predict", {"instances": [1.5]}, timeout=_TIMEOUT)
    assert (status, response) == (200, {"predictions": [{"scaled": 3.0}]})


def test_a_custom_job_a_model_and_an_endpoint_of_vertex_ai(owner: Owner) -> None:
    (job,) = get(owner, VERTEX, f"{LOCATION}/customJobs")["customJobs"]
    assert (job["displayName"], job["state"]) == ("custom", "JOB_STATE_SUCCEEDED")
    (model,) = get(owner, VERTEX, f"{LOCATION}/models")["models"]
    assert (model["displayName"], model["labels"]) == ("thrice", {"a": "b"})
    (endpoint,) = get(owner, VERTEX, f"{LOCATION}/endpoints")["endpoints"]
    (deployed,) = endpoint["deployedModels"]
    assert endpoint["trafficSplit"] == {deployed["id"]: 100}
    status, response = owner.json(
        "POST", VERTEX, f"/v1/{endpoint['name']}:predict", {"instances": [1.5]}, timeout=_TIMEOUT
    )
    assert (status, response["predictions"]) == (200, [3.0])
