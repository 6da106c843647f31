"""The lab from bucket to clean-up by Google's own clients alone: ``python client.py FOLDER``, with the trainer's source
in FOLDER. Prints what it found as JSON. Nothing here knows where Google is."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from google.cloud import storage
from googleapiclient import discovery
from oauth2client.client import GoogleCredentials

PROJECT = storage.Client().project
BUCKET = f"{PROJECT}-ml"
JOB = "taxifare_180829_132457"
OUTPUT = f"gs://{BUCKET}/taxifare/smallinput/taxi_trained"
PARENT, MODEL = f"projects/{PROJECT}", f"projects/{PROJECT}/models/taxifare"
LABS_DOCUMENT = "https://storage.googleapis.com/cloud-ml/discovery/ml_v1_discovery.json"
VERSION = {
    "name": "v1",
    "deploymentUri": f"{OUTPUT}/export/exporter/1/",
    "runtimeVersion": "2.3",
    "pythonVersion": "3.7",
}


def trips(count, first=0):
    """Trips eastward, the dearer the longer."""
    longitudes = [-74.0 + 0.1 * ((first + number) % 40) / 40 for number in range(count)]
    rows = (f"{4 + 200 * (lon + 74):.2f},-74.0,40.75,{lon:.6f},40.75,{1 + number % 4},{number}\n"
            for number, lon in enumerate(longitudes))  # fmt: skip
    return "".join(rows)


def upload():
    bucket = storage.Client().create_bucket(BUCKET, location="us-central1")
    for name, rows in (("train", trips(400)), ("valid", trips(80, first=7))):
        bucket.blob(f"taxifare/smallinput/taxi-{name}.csv").upload_from_string(rows, content_type="text/csv")


def let_in(account):
    """gsutil's ``defacl ch -u ACCOUNT:R``, ``acl ch -u ACCOUNT:R -r`` and ``acl ch -u ACCOUNT:W``."""
    bucket = storage.Client().bucket(BUCKET)
    bucket.default_object_acl.user(account).grant_read()
    bucket.default_object_acl.save()
    for blob in bucket.list_blobs():
        blob.acl.user(account).grant_read()
        blob.acl.save()
    bucket.acl.user(account).grant_write()
    bucket.acl.save()


def package(folder):
    subprocess.run([sys.executable, "setup.py", "-q", "sdist"], cwd=folder, check=True, capture_output=True)
    (archive,) = Path(folder, "dist").glob("*.tar.gz")
    blob = storage.Client().bucket(BUCKET).blob(f"{JOB}/{archive.name}")
    blob.upload_from_filename(archive)
    return f"gs://{BUCKET}/{blob.name}"


def train(api, package_uri):
    body = {
        "jobId": JOB,
        "trainingInput": {
            "scaleTier": "BASIC",
            "packageUris": [package_uri],
            "pythonModule": "taxifare.task",
            "args": [
                f"--train_data_paths=gs://{BUCKET}/taxifare/smallinput/taxi-train*",
                f"--eval_data_paths=gs://{BUCKET}/taxifare/smallinput/taxi-valid*",
                f"--output_dir={OUTPUT}",
                "--train_steps=30",
            ],
            "region": "us-central1",
            "jobDir": OUTPUT,
            "runtimeVersion": "2.3",
            "pythonVersion": "3.7",
        },
    }
    jobs = api.projects().jobs()
    job = jobs.create(parent=PARENT, body=body).execute()
    while job["state"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
        time.sleep(0.2)
        job = jobs.get(name=f"{PARENT}/jobs/{JOB}").execute()
    listed = jobs.list(parent=PARENT, filter=f"jobId:taxifare* AND state:{job['state']}").execute()
    return [job["state"], job.get("errorMessage"), [found["jobId"] for found in listed["jobs"]]]


def log():
    logging = discovery.build("logging", "v2")
    wanted = f'resource.type="ml_job" resource.labels.job_id="{JOB}" resource.labels.task_name="master-replica-0"'
    request = logging.entries().list(body={"resourceNames": [PARENT], "filter": wanted, "pageSize": 1000})
    return [entry["jsonPayload"]["message"] for entry in request.execute()["entries"]]


def tensorboard():
    """What TensorBoard serves of the training output; it is asked when it has read it."""
    flags = ["--logdir", OUTPUT, "--port", "0", "--reload_task=blocking", "--reload_interval=0"]
    command = [sys.executable, "-m", "tensorboard.main", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as board:
        try:
            said = ""
            while not (address := re.search(r"TensorBoard \S+ at (http://\S+)", said)):
                said = board.stderr.readline() or sys.exit(f"TensorBoard ended: {said}")

            def ask(path):
                with urllib.request.urlopen(address[1] + path, timeout=30) as answer:  # noqa: S310 - TensorBoard's
                    return json.load(answer)

            tags = ask("data/plugin/scalars/tags")
            return {"tags": tags, "loss": ask("data/plugin/scalars/scalars?run=.&tag=loss")}
        finally:
            board.kill()  # TensorBoard that is asked to end may wait for its own threads for ever


def finished(api, operation):
    while not operation.get("done"):
        time.sleep(0.2)
        operation = api.projects().operations().get(name=operation["name"]).execute()
    return [operation["metadata"]["operationType"], operation.get("error")]


def predict():
    """As the lab's client program does it, which is older than today's libraries."""
    credentials = GoogleCredentials.get_application_default()
    api = discovery.build("ml", "v1", credentials=credentials, discoveryServiceUrl=LABS_DOCUMENT)
    trip = {
        "pickuplon": -73.885262,
        "pickuplat": 40.773008,
        "dropofflon": -73.987232,
        "dropofflat": 40.732403,
        "passengers": 2,
    }
    return api.projects().predict(body={"instances": [trip]}, name=f"{MODEL}/versions/v1").execute()


def clean_up(api):
    ended = [finished(api, api.projects().models().versions().delete(name=f"{MODEL}/versions/v1").execute())]
    ended.append(finished(api, api.projects().models().delete(name=MODEL).execute()))
    storage.Client().bucket(BUCKET).delete(force=True)
    return [ended, api.projects().models().list(parent=PARENT).execute(), list(storage.Client().list_buckets())]


def lab(folder):
    api, found = discovery.build("ml", "v1"), {}
    upload()
    let_in(api.projects().getConfig(name=PARENT).execute()["serviceAccount"])
    found["job"] = train(api, package(folder))
    found["log"] = log()
    if found["job"][0] == "SUCCEEDED":
        api.projects().models().create(parent=PARENT, body={"name": "taxifare", "regions": ["us-central1"]}).execute()
        creating = api.projects().models().versions().create(parent=MODEL, body=VERSION).execute()
        found["tensorboard"] = tensorboard()
        found["version"] = finished(api, creating)
        found["prediction"] = predict()
        found["cleaned up"] = clean_up(api)
    return found


if __name__ == "__main__":
    print(json.dumps(lab(sys.argv[1])))
