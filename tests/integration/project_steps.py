"""Programs of the project's owner that manage its policy and accounts, by Google's client libraries, unmodified:
``python project_steps.py STEP JSON`` prints a JSON result."""

import base64
import json
import sys

import googleapiclient.discovery
from google.api_core.exceptions import Forbidden
from google.auth.exceptions import RefreshError
from google.cloud import storage
from googleapiclient.errors import HttpError


def api(name: str, version: str):
    return googleapiclient.discovery.build(name, version, static_discovery=True)


def accounts():
    return api("iam", "v1").projects().serviceAccounts()


def create_account(project: str, name: str) -> dict:
    body = {"accountId": name, "serviceAccount": {"displayName": "Trains"}}
    return accounts().create(name=f"projects/{project}", body=body).execute()


def delete_account(email: str) -> dict:
    return accounts().delete(name=f"projects/-/serviceAccounts/{email}").execute()


def bind(project: str, member: str, role: str, version: str = "v1") -> list:
    """What ``gcloud projects add-iam-policy-binding`` does."""
    projects = api("cloudresourcemanager", version).projects()
    resource = project if version == "v1" else f"projects/{project}"
    policy = projects.getIamPolicy(resource=resource, body={"options": {"requestedPolicyVersion": 3}}).execute()
    policy["bindings"].append({"role": role, "members": [member]})
    return projects.setIamPolicy(resource=resource, body={"policy": policy}).execute()["bindings"]


def projects(project: str, number: str) -> dict:
    v1, v3 = (api("cloudresourcemanager", version).projects() for version in ("v1", "v3"))
    wanted = {"permissions": ["aiplatform.customJobs.create"]}
    stale = v3.getIamPolicy(resource=f"projects/{number}", body={}).execute()
    bind(project, "user:colleague@example.com", "roles/viewer", "v3")
    try:
        v3.setIamPolicy(resource=f"projects/{project}", body={"policy": stale}).execute()
        conflict = 0
    except HttpError as error:
        conflict = error.resp.status
    return {
        "v1": [v1.get(projectId=each).execute() for each in (project, number)],
        "v3": [v3.get(name=f"projects/{each}").execute() for each in (project, number)],
        "list": v1.list(filter="lifecycleState:ACTIVE").execute()["projects"],
        "search": v3.search(query=f"projectId={project}").execute()["projects"],
        "may": v1.testIamPermissions(resource=project, body=wanted).execute(),
        "conflict": conflict,
        "bindings": v1.getIamPolicy(resource=project, body={}).execute()["bindings"],
    }


def key(project: str, email: str, bucket: str) -> dict:
    """A program that has a service account's key, before and after a grant, and after the key is deleted."""
    keys = accounts().keys()
    made = keys.create(name=f"projects/-/serviceAccounts/{email}", body={}).execute()
    info = json.loads(base64.b64decode(made["privateKeyData"]))
    owner = storage.Client(project)
    client = storage.Client.from_service_account_info(info)
    found: dict = {}
    try:
        client.bucket(bucket).blob("a.txt").download_as_bytes()
    except Forbidden as error:
        found["denied"] = error.message
    policy = owner.bucket(bucket).get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {f"serviceAccount:{email}"}})
    owner.bucket(bucket).set_iam_policy(policy)
    found["read"] = client.bucket(bucket).blob("a.txt").download_as_bytes().decode()
    keys.delete(name=made["name"]).execute()
    try:
        storage.Client.from_service_account_info(info).bucket(bucket).blob("a.txt").download_as_bytes()
    except RefreshError as error:
        found["deleted"] = str(error)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
