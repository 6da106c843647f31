"""Makes a state folder with resources of every kind, as data for tests.

    python -m cloud.serve --state FOLDER -- python tests/data/make_state.py

Run it with the version that is to write the state: it uses HTTP only. Then pack the folder:

    tar --xattrs --exclude=./{owner,gateway,lock,work,packages} -czf tests/data/state-N.tar.gz -C FOLDER .
"""

import io
import json
import os
import time
import urllib.request
import zipfile
from typing import Any

URL = os.environ["STORAGE_EMULATOR_HOST"]
PROJECT = "projects/local-project"
VERTEX = f"/v1/{PROJECT}/locations/us-central1"
SERVING = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
TRAINING = "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest"
TRAINER = """
import os
import pathlib
import sys

if sys.argv[1] == "tune":
    file = pathlib.Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
    file.parent.mkdir()
    file.write_text('{"global_step": "1", "loss": "' + sys.argv[3] + '", "timestamp": 1.0, "trial": "1"}')
    sys.exit()

import tensorflow as tf

class Scale(tf.Module):
    def __init__(self):
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"scaled": x * self.factor}

if sys.argv[1] == "fail":
    sys.exit("no good")
model = Scale()
tf.saved_model.save(model, "gs://kept/export", signatures={"serving_default": model.serve})
print("exported")
"""
BUCKET = {"name": "kept", "labels": {"team": "fares"}, "location": "EU"}


def wheel(module: str, source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{module}.py", source)
        archive.writestr(f"{module}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        archive.writestr(
            f"{module}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{module}-1.dist-info/RECORD", "")
    return content.getvalue()


def send(verb: str, path: str, body: Any = None, *, host: str = "storage.googleapis.com") -> Any:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Host": host, "Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers, method=verb)  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        content = response.read()
    return json.loads(content) if content.startswith(b"{") else content


def ml(verb: str, path: str, body: Any = None) -> Any:
    return send(verb, f"/v1/{PROJECT}{path}", body, host="ml.googleapis.com")


def vertex(verb: str, path: str, body: Any = None) -> Any:
    return send(verb, path, body, host="us-central1-aiplatform.googleapis.com")


def until(get: Any, is_done: Any) -> Any:
    while not is_done(found := get()):
        time.sleep(0.2)
    return found


def operation(started: Any) -> Any:
    done = until(lambda: vertex("GET", f"/v1/{started['name']}"), lambda found: found.get("done"))
    return done["response"]


def keep_versions() -> None:
    """A bucket with versions, a deleted object, a hold and an open multipart upload."""
    policies = {"versioning": {"enabled": True}, "softDeletePolicy": {"retentionDurationSeconds": str(90 * 24 * 3600)}}
    send("POST", "/storage/v1/b", {"name": "versions", **policies})
    upload = "/upload/storage/v1/b/versions/o?uploadType=media&name="
    for name, content in (("o", b"first"), ("o", b"second"), ("held", b"1"), ("deleted", b"gone")):
        made = send("POST", upload + name, content)
    send("DELETE", f"/storage/v1/b/versions/o/deleted?generation={made['generation']}")
    send("PATCH", "/storage/v1/b/versions/o/held", {"temporaryHold": True})
    begun = send("POST", "/versions/parts?uploads").decode()
    upload_id = begun.partition("<UploadId>")[2].partition("<")[0]
    send("PUT", f"/versions/parts?partNumber=1&uploadId={upload_id}", b"part")


def main() -> None:
    send("POST", "/storage/v1/b", BUCKET)
    account = ml("GET", ":getConfig")["serviceAccount"]
    send("POST", "/storage/v1/b/kept/acl", {"entity": f"user-{account}", "role": "WRITER"})
    send("POST", "/storage/v1/b/kept/defaultObjectAcl", {"entity": f"user-{account}", "role": "READER"})
    upload = "/upload/storage/v1/b/kept/o?uploadType=media&name="
    send("POST", upload + "does-1-py3-none-any.whl", wheel("does", TRAINER))
    send("POST", upload + "a%20name%2Fwith%20%C3%A9.txt", b"kept")
    keep_versions()
    given = {"packageUris": ["gs://kept/does-1-py3-none-any.whl"], "pythonModule": "does", "region": "us-central1"}
    for name, what in (("exports", "export"), ("fails", "fail")):
        job = {"jobId": name, "labels": {"does": what}, "trainingInput": given | {"args": [what]}}
        ml("POST", "/jobs", job)
        until(lambda name=name: ml("GET", f"/jobs/{name}"), lambda job: job["state"] in ("SUCCEEDED", "FAILED"))
    ml("POST", "/models", {"name": "twice", "labels": {"team": "fares"}, "description": "of state"})
    started = ml(
        "POST", "/models/twice/versions", {"name": "v1", "deploymentUri": "gs://kept/export", "runtimeVersion": "2.11"}
    )
    until(
        lambda: send("GET", f"/v1/{started['name']}", host="ml.googleapis.com"),
        lambda found: found.get("done"),
    )
    assert ml("GET", "/models/twice/versions/v1")["state"] == "READY"
    batch = {
        "modelName": f"{PROJECT}/models/twice",
        "dataFormat": "TEXT",
        "inputPaths": ["gs://kept/in.jsonl"],
        "outputPath": "gs://kept/predictions",
        "region": "us-central1",
    }
    send("POST", upload + "in.jsonl", b"1.5\n2.5\n")
    ml("POST", "/jobs", {"jobId": "predicts", "predictionInput": batch})
    hyperparameters = {
        "goal": "MINIMIZE",
        "hyperparameterMetricTag": "loss",
        "maxTrials": 2,
        "algorithm": "GRID_SEARCH",
        "params": [{"parameterName": "x", "type": "INTEGER", "minValue": 1, "maxValue": 2}],
    }
    tuned = given | {"args": ["tune"], "hyperparameters": hyperparameters}
    ml("POST", "/jobs", {"jobId": "tunes", "trainingInput": tuned})
    for name in ("predicts", "tunes"):
        job = until(lambda name=name: ml("GET", f"/jobs/{name}"), lambda job: job["state"] in ("SUCCEEDED", "FAILED"))
        assert job["state"] == "SUCCEEDED", job
    program = {
        "executorImageUri": TRAINING,
        "packageUris": given["packageUris"],
        "pythonModule": "does",
        "args": ["export"],
    }
    pools = [{"machineSpec": {"machineType": "n1-standard-4"}, "replicaCount": "1", "pythonPackageSpec": program}]
    custom = vertex("POST", f"{VERTEX}/customJobs", {"displayName": "custom", "jobSpec": {"workerPoolSpecs": pools}})
    until(
        lambda: vertex("GET", f"/v1/{custom['name']}"),
        lambda job: job["state"] in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"),
    )
    model = {
        "displayName": "thrice",
        "artifactUri": "gs://kept/export",
        "containerSpec": {"imageUri": SERVING},
        "labels": {"a": "b"},
    }
    uploaded = operation(vertex("POST", f"{VERTEX}/models:upload", {"model": model}))["model"]
    endpoint = operation(vertex("POST", f"{VERTEX}/endpoints", {"displayName": "door"}))["name"]
    deployed = {
        "model": uploaded,
        "displayName": "first",
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1},
    }
    deploy = {"deployedModel": deployed, "trafficSplit": {"0": 100}}
    operation(vertex("POST", f"/v1/{endpoint}:deployModel", deploy))
    predicted = vertex("POST", f"/v1/{endpoint}:predict", {"instances": [1.5]})
    assert predicted["predictions"] in ([3.0], [{"scaled": 3.0}]), predicted
    accounts, resources = f"/v1/{PROJECT}/serviceAccounts", "cloudresourcemanager.googleapis.com"
    account = send("POST", accounts, {"accountId": "kept-account"}, host="iam.googleapis.com")["email"]
    policy = send("POST", f"/v1/{PROJECT}:getIamPolicy", {}, host=resources)
    policy["bindings"].append({"role": "roles/viewer", "members": [f"serviceAccount:{account}"]})
    send("POST", f"/v1/{PROJECT}:setIamPolicy", {"policy": policy}, host=resources)
    assert [ml("GET", f"/jobs/{name}")["state"] for name in ("exports", "fails")] == ["SUCCEEDED", "FAILED"]


if __name__ == "__main__":
    main()
