import pytest

from cloud.engine.project.roles import check_role, includes, role_for
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    ("role", "has", "lacks"),
    [
        ("roles/owner", ["resourcemanager.projects.setIamPolicy", "compute.instances.get"], []),
        (
            "roles/editor",
            ["ml.jobs.create", "aiplatform.customJobs.create", "storage.buckets.create", "iam.serviceAccounts.actAs"],
            ["storage.objects.get", "resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.getAccessToken"],
        ),
        (
            "roles/viewer",
            ["ml.jobs.get", "aiplatform.models.list", "storage.buckets.list", "resourcemanager.projects.get"],
            ["ml.jobs.create", "storage.objects.get", "storage.buckets.get", "aiplatform.endpoints.predict"],
        ),
        (
            "roles/aiplatform.user",
            ["aiplatform.customJobs.create", "aiplatform.endpoints.predict", "resourcemanager.projects.get"],
            ["aiplatform.endpoints.setIamPolicy", "storage.objects.get", "iam.serviceAccounts.actAs"],
        ),
        ("roles/aiplatform.viewer", ["aiplatform.models.get"], ["aiplatform.models.upload"]),
        ("roles/ml.developer", ["ml.jobs.create", "ml.versions.predict"], ["ml.versions.create", "ml.jobs.cancel"]),
        (
            "roles/storage.objectUser",
            ["storage.objects.update"],
            ["storage.objects.setIamPolicy", "storage.buckets.get"],
        ),
        ("roles/logging.logWriter", ["logging.logEntries.create"], ["logging.logEntries.list"]),
        ("roles/iam.serviceAccountUser", ["iam.serviceAccounts.actAs"], ["iam.serviceAccounts.getAccessToken"]),
        ("roles/ml.serviceAgent", ["storage.objects.create", "storage.buckets.get"], ["aiplatform.models.get"]),
        ("roles/bigquery.dataViewer", [], ["storage.objects.get"]),
    ],
)
def test_roles(role, has, lacks):
    assert [permission for permission in has + lacks if includes(role, permission)] == has


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("storage.objects.get", "roles/storage.objectViewer"),
        ("storage.objects.create", "roles/storage.objectCreator"),
        ("storage.buckets.create", "roles/storage.admin"),
        ("ml.jobs.create", "roles/ml.developer"),
        ("aiplatform.customJobs.create", "roles/aiplatform.user"),
        ("logging.logEntries.create", "roles/logging.logWriter"),
        ("iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"),
        ("resourcemanager.projects.setIamPolicy", "roles/resourcemanager.projectIamAdmin"),
        ("something.else.do", "roles/owner"),
    ],
)
def test_the_role_to_grant_is_the_weakest(permission, role):
    assert role_for(permission) == role


@pytest.mark.parametrize("role", ["roles/storage.admin", "roles/bigquery.dataViewer", "roles/owner", "roles/a.b.c"])
def test_googles_roles_are_taken(role):
    assert check_role(role) == role


@pytest.mark.parametrize("role", ["", "owner", "roles/", "roles/a b", "projects/p/roles/mine", "roles/a/b", "role/x"])
def test_what_is_no_role_of_googles_is_refused(role):
    with pytest.raises(InvalidArgument):
        check_role(role)
