from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloud.engine.principal import ANONYMOUS, WEB_PAGE, Principal
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.members import member_of
from cloud.engine.project.roles import role_for
from cloud.engine.storage.guard import Guard, PolicyViolation, summarize
from cloud.engine.storage.records import BucketRecord
from cloud.engine.storage.roles import ALL_PERMISSIONS, ROLE_PERMISSIONS, Role
from cloud.errors import PermissionDenied, Unauthenticated
from cloud.settings import IamMode, ServiceAgents

JOB, OTHER = Principal("job@p.iam.gserviceaccount.com"), Principal("other@x.org")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
BUCKET = BucketRecord("bkt", "US", "STANDARD", NOW, NOW, {f"user-{JOB.email}": Role.READER}, {})
LIST, CREATE = "storage.objects.list", "storage.objects.create"


@pytest.fixture
def access(tmp_path):
    made = ProjectAccess("my-project", tmp_path, ServiceAgents.BARE)
    yield made
    made.close()


def grant(access, role):
    access.set_policy({"bindings": [*access.bindings, {"role": role, "members": [member_of(JOB.email)]}]})


def test_allowed_requests_pass_in_every_mode():
    for mode in IamMode:
        guard = Guard(mode)
        guard.require(JOB, LIST, BUCKET)
        assert guard.permits(JOB, LIST, BUCKET)
        assert guard.violations == {}


def test_strict_refuses():
    guard = Guard()
    with pytest.raises(PermissionDenied, match=CREATE):
        guard.require(JOB, CREATE, BUCKET)
    with pytest.raises(Unauthenticated):
        guard.require(ANONYMOUS, LIST, BUCKET)
    with pytest.raises(PermissionDenied):
        guard.require(JOB, "storage.buckets.list", None)
    assert not guard.permits(JOB, CREATE, BUCKET)
    assert guard.violations == {}


@pytest.mark.parametrize("mode", list(IamMode))
def test_web_pages_are_refused_in_every_mode(mode):
    guard = Guard(mode)
    with pytest.raises(Unauthenticated):
        guard.require(WEB_PAGE, CREATE, BUCKET)
    assert not guard.permits(WEB_PAGE, CREATE, BUCKET)
    assert guard.violations == {}


def test_soft_reports_each_violation_once_and_counts_all():
    reported = []
    guard = Guard(IamMode.SOFT, reported.append)
    for _ in range(3):
        guard.require(JOB, CREATE, BUCKET)
        guard.require(ANONYMOUS, LIST, BUCKET)
    guard.require(OTHER, "storage.buckets.list", None)
    assert guard.permits(OTHER, CREATE, BUCKET)
    created, listed = PolicyViolation(JOB.email, CREATE, "bkt"), PolicyViolation("", LIST, "bkt")
    made = PolicyViolation(OTHER.email, "storage.buckets.list", "")
    assert reported == [created, listed, made]
    assert guard.violations == {created: 3, listed: 3, made: 1}
    assert summarize(guard.violations) == [f"{created}, 3 times", f"{listed}, 3 times", str(made)]
    assert str(created) == f"{JOB.email} does not have {CREATE} on gs://bkt: strict mode refuses this"
    assert str(listed).startswith("Anonymous caller does not have")
    assert "the project" in str(made)


def test_off_reports_nothing():
    reported = []
    guard = Guard(IamMode.OFF, reported.append)
    guard.require(ANONYMOUS, CREATE, BUCKET)
    assert guard.permits(ANONYMOUS, CREATE, BUCKET)
    assert reported == []
    assert guard.violations == {}


def test_a_role_on_the_project_holds_for_every_bucket_and_for_its_member_only(access):
    grant(access, "roles/storage.admin")
    guard = Guard(project=access)
    for permission in (CREATE, "storage.objects.delete", "storage.buckets.setIamPolicy"):
        guard.require(JOB, permission, BUCKET)
        assert guard.permits(JOB, permission, BUCKET)
        with pytest.raises(PermissionDenied):
            guard.require(OTHER, permission, BUCKET)
    guard.require(JOB, "storage.buckets.list", None)


@pytest.mark.parametrize("mode", list(IamMode))
def test_a_bucket_of_another_project_is_for_its_own_policy_to_decide_in_every_mode(mode):
    owner = Principal("owner@x.org", is_project_owner=True)
    bindings = {"roles/storage.objectViewer": ("allUsers",)}
    public = BucketRecord(
        "pub", "US", "STANDARD", NOW, NOW, {}, {}, bindings=bindings, uniform_since=NOW, is_foreign=True
    )
    guard = Guard(mode)
    for principal in (owner, JOB, ANONYMOUS, WEB_PAGE):
        guard.require(principal, LIST, public)
        assert not guard.permits(principal, CREATE, public)
    with pytest.raises(PermissionDenied, match="may be read only"):
        guard.require(owner, CREATE, public)
    with pytest.raises(Unauthenticated):
        guard.require(ANONYMOUS, CREATE, public)


def test_a_basic_role_on_the_project_counts_where_a_bucket_names_its_team(access):
    grant(access, "roles/viewer")
    guard = Guard(project=access)
    opened = replace(BUCKET, acl={f"project-viewers-{access.number}": Role.READER})
    closed = replace(BUCKET, acl={})
    guard.require(JOB, "storage.objects.list", opened)
    for who, bucket in ((JOB, closed), (OTHER, opened)):
        with pytest.raises(PermissionDenied):
            guard.require(who, "storage.objects.list", bucket)


def test_a_refusal_ends_with_the_command_that_allows_it(access):
    guard = Guard(project=access)
    with pytest.raises(PermissionDenied) as refused:
        guard.require(JOB, "storage.objects.get", BUCKET)
    member = f"--member={member_of(JOB.email)}"
    assert refused.value.message.endswith(
        f"To allow it: gcloud storage buckets add-iam-policy-binding gs://{BUCKET.name} {member} "
        "--role=roles/storage.objectViewer"
    )
    with pytest.raises(PermissionDenied) as refused:
        guard.require(JOB, "storage.buckets.create", None)
    assert refused.value.message.endswith(
        f"To allow it: gcloud projects add-iam-policy-binding my-project {member} --role=roles/storage.admin"
    )


def test_every_permission_of_buckets_has_a_role_that_a_bucket_can_grant():
    assert {role_for(permission) for permission in ALL_PERMISSIONS} <= ROLE_PERMISSIONS.keys()
