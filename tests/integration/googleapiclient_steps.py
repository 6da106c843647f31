"""The lab's client program in steps: ``python googleapiclient_steps.py STEP JSON``. It imports nothing of ours."""

import json
import sys
import time

import httplib2
from googleapiclient import discovery
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest

COURSE_URL = "https://storage.googleapis.com/cloud-ml/discovery/ml_v1_discovery.json"


method_ids = set()
"""Ids of the methods of all requests."""


class Recorded(HttpRequest):
    def __init__(self, *args, methodId=None, **options):  # noqa: N803 - the library's name
        method_ids.add(methodId)
        super().__init__(*args, methodId=methodId, **options)


def build(api: str, version: str):
    return discovery.build(api, version, requestBuilder=Recorded)


def training_job(job_id: str, bucket: str, package: str) -> dict:
    return {
        "jobId": job_id,
        "labels": {"course": "ml"},
        "trainingInput": {
            "scaleTier": "BASIC",
            "packageUris": [package],
            "pythonModule": "probe.task",
            "region": "us-central1",
            "jobDir": f"gs://{bucket}/{job_id}",
            "runtimeVersion": "2.3",
            "pythonVersion": "3.7",
        },
    }


def finished_job(api, name: str) -> dict:
    while True:
        job = api.projects().jobs().get(name=name).execute()
        if job["state"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return job
        time.sleep(0.1)


def finished(api, operation: dict) -> dict:
    while not operation.get("done"):
        time.sleep(0.1)
        operation = api.projects().operations().get(name=operation["name"]).execute()
    return operation


def failure(request) -> list:
    try:
        request.execute()
    except HttpError as error:
        content = json.loads(error.content)["error"]
        detail = content.get("details", [{}])[0]
        fields = [violation.get("field") for violation in detail.get("fieldViolations", [])]
        return [error.resp.status, content["status"], *fields[:1]]
    raise AssertionError("it did not fail")


def lab(project: str, bucket: str, package: str) -> dict:
    api = build("ml", "v1")
    parent, model = f"projects/{project}", f"projects/{project}/models/taxifare"
    found = {"config": api.projects().getConfig(name=parent).execute()}
    body = training_job("lab_1", bucket, package)
    found["job"] = api.projects().jobs().create(parent=parent, body=body).execute()
    found["ended"] = finished_job(api, f"{parent}/jobs/lab_1")
    models = api.projects().models()
    found["model"] = models.create(parent=parent, body={"name": "taxifare", "regions": ["us-central1"]}).execute()
    for name, create, end in (("v1", "creating", "created"), ("v2", "again", "second")):
        version = {
            "name": name,
            "deploymentUri": f"gs://{bucket}/lab_1/export/1/",
            "runtimeVersion": "2.3",
            "pythonVersion": "3.7",
        }
        found[create] = models.versions().create(parent=model, body=version).execute()
        found[end] = finished(api, found[create])
    instances = {"instances": [{"x": 3.0, "y": 1.0}, {"x": 1.5, "y": 0.0}]}
    found["prediction"] = api.projects().predict(name=f"{model}/versions/v1", body=instances).execute()
    found["wrong"] = api.projects().predict(name=model, body={"instances": [{"x": "?"}]}).execute()
    found["resources"] = resources(api, parent, model)
    found["default"] = models.versions().setDefault(name=f"{model}/versions/v2", body={}).execute()
    found["refused"] = failure(models.versions().delete(name=f"{model}/versions/v2"))[:2]
    found["deleted"] = [
        finished(api, models.versions().delete(name=f"{model}/versions/{version}").execute())
        for version in ("v1", "v2")
    ]
    found["deleted"].append(finished(api, models.delete(name=model).execute()))
    found["models"] = models.list(parent=parent).execute()
    found["method_ids"] = sorted(method_ids)
    return found


def resources(api, parent: str, model: str) -> dict:
    """Read and change other properties of the lab's job, model, versions and operations."""
    projects, found = api.projects(), {}
    jobs, models, versions = projects.jobs(), projects.models(), projects.models().versions()
    job = jobs.get(name=f"{parent}/jobs/lab_1").execute()
    labels, mask = {"course": "ml", "team": "taxi"}, "labels,etag"
    change = {"labels": labels, "etag": job["etag"]}
    found["job"] = jobs.patch(name=f"{parent}/jobs/lab_1", updateMask=mask, body=change).execute()["labels"]
    found["stale job"] = failure(jobs.patch(name=f"{parent}/jobs/lab_1", updateMask=mask, body=change))[:2]
    found["no mask"] = failure(jobs.patch(name=f"{parent}/jobs/lab_1", body=change))[:2]
    found["jobs"] = [one["jobId"] for one in jobs.list(parent=parent, filter="labels.team:taxi").execute()["jobs"]]
    some = " OR ".join(f'jobId="lab_{number}"' for number in range(100))
    listing = jobs.list(parent=parent, filter=some)  # a URL of more than 2,048 characters: the client sends a POST
    found["some jobs"] = [one["jobId"] for one in listing.execute()["jobs"]]

    change = {"description": "fares", "etag": models.get(name=model).execute()["etag"]}
    request = models.patch(name=model, updateMask="description", body=change)
    found["model"] = finished(api, request.execute())["response"]
    found["stale model"] = failure(request)[:2]
    first, change = f"{model}/versions/v1", {"description": "the first"}
    changed = finished(api, versions.patch(name=first, updateMask="description", body=change).execute())
    found["version"] = [changed["metadata"]["operationType"], versions.get(name=first).execute()]
    listing, pages = versions.list(parent=model, pageSize=1), []
    while listing is not None:
        page = listing.execute()
        pages.append([one["name"].rpartition("/")[2] for one in page["versions"]])
        listing = versions.list_next(listing, page)
    found["pages"] = pages

    for name, resource, role in (
        (f"{parent}/jobs/lab_1", jobs, "roles/ml.jobOwner"),
        (model, models, "roles/ml.modelUser"),
    ):
        policy = resource.getIamPolicy(resource=name).execute()
        policy["bindings"] = [{"role": role, "members": ["user:ann@example.com"]}]
        set_ = resource.setIamPolicy(resource=name, body={"policy": policy}).execute()
        stale = failure(resource.setIamPolicy(resource=name, body={"policy": policy}))[:2]
        wanted = {"permissions": ["ml.models.predict" if resource is models else "ml.jobs.cancel"]}
        held = resource.testIamPermissions(resource=name, body=wanted).execute() == wanted
        found[role] = [set_["bindings"] == policy["bindings"], stale, held]

    operations = projects.operations().list(name=parent, filter="metadata.operationType:CREATE_VERSION").execute()
    found["operations"] = [[one["done"], one["metadata"]["modelName"]] for one in operations["operations"]]
    found["cancelled"] = projects.operations().cancel(name=operations["operations"][0]["name"]).execute()
    locations = projects.locations()
    found["locations"] = len(locations.list(parent=parent).execute()["locations"])
    found["location"] = locations.get(name=f"{parent}/locations/us-central1").execute()["name"]
    in_location = f"{parent}/locations/us-central1/operations/none"
    found["refused"] = [
        failure(projects.explain(name=model, body={"instances": [{}]}))[:2],
        failure(locations.operations().get(name=in_location))[:2],
        failure(locations.operations().cancel(name=in_location))[:2],
        failure(locations.studies().list(parent=f"{parent}/locations/us-central1"))[:2],
    ]
    return found


def cancel(project: str, bucket: str, package: str) -> dict:
    api = build("ml", "v1")
    name = f"projects/{project}/jobs/sleepy"
    body = training_job("sleepy", bucket, package)
    body["trainingInput"]["pythonModule"] = "sleeper.task"
    jobs = api.projects().jobs()
    jobs.create(parent=f"projects/{project}", body=body).execute()
    found = {"cancel": jobs.cancel(name=name, body={}).execute(), "ended": finished_job(api, name)}
    return found | {"again": failure(jobs.cancel(name=name, body={}))[:2], "method_ids": sorted(method_ids)}


def tuning(project: str, bucket: str, package: str) -> dict:
    """As in the feature-engineering lab: the best trial is the first."""
    jobs, name = build("ml", "v1").projects().jobs(), f"projects/{project}/jobs/tuned"
    body = training_job("tuned", bucket, package)
    body["trainingInput"] |= {
        "pythonModule": "tunes.task",
        "args": ["--silent"],
        "hyperparameters": {
            "goal": "MINIMIZE",
            "hyperparameterMetricTag": "loss",
            "maxTrials": 3,
            "maxParallelTrials": 2,
            "algorithm": "GRID_SEARCH",
            "params": [
                {
                    "parameterName": "x",
                    "type": "INTEGER",
                    "minValue": 2,
                    "maxValue": 4,
                    "scaleType": "UNIT_LINEAR_SCALE",
                },
                {"parameterName": "kind", "type": "CATEGORICAL", "categoricalValues": ["64 32"]},
            ],
        },
    }
    jobs.create(parent=f"projects/{project}", body=body).execute()
    found = finished_job(build("ml", "v1"), name)
    body["jobId"] = "refused"
    body["trainingInput"]["hyperparameters"]["maxParallelTrials"] = 4
    return found | {"refused": failure(jobs.create(parent=f"projects/{project}", body=body))}


def errors(project: str, bucket: str) -> dict:
    api = discovery.build("ml", "v1")
    jobs, parent = api.projects().jobs(), f"projects/{project}"
    bad = training_job("fine", bucket, "gs://bucket/p.tar.gz")
    bad["trainingInput"]["scaleTire"] = "BASIC"
    # The client's URL, without its credentials.
    url = api.projects().getConfig(name=parent).uri
    response, _ = httplib2.Http().request(url)
    return {
        "unknown field": failure(jobs.create(parent=parent, body=bad)),
        "bad id": failure(jobs.create(parent=parent, body=training_job("not-good", bucket, "gs://bucket/p.tar.gz"))),
        "missing job": failure(jobs.get(name=f"{parent}/jobs/none")),
        "other project": failure(jobs.list(parent="projects/somebody-elses")),
        "anonymous": [response.status],
    }


def from_discovery_url(project: str) -> dict:
    api = discovery.build("ml", "v1", discoveryServiceUrl=COURSE_URL)
    return api.projects().getConfig(name=f"projects/{project}").execute()


STEPS = {"lab": lab, "cancel": cancel, "tuning": tuning, "errors": errors, "discovery": from_discovery_url}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201
