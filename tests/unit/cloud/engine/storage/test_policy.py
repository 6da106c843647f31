import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage.policy import (
    ANONYMOUS,
    BUCKET_PERMISSIONS,
    OBJECT_PERMISSIONS,
    Principal,
    Role,
    allowed,
    check_entity,
    check_role,
    predefined_acl,
    require,
)
from cloud.errors import InvalidArgument, PermissionDenied, Unauthenticated

JOB = Principal("job@p.iam.gserviceaccount.com")
OWNER = Principal("me@example.com", is_project_owner=True)
LIST, GET, CREATE, DELETE = (f"storage.objects.{verb}" for verb in ("list", "get", "create", "delete"))
ALL = sorted(set().union(*BUCKET_PERMISSIONS.values(), *OBJECT_PERMISSIONS.values()))


@pytest.mark.parametrize(
    ("bucket_role", "object_role", "permissions"),
    [
        (None, None, set()),
        (Role.READER, None, {LIST, "storage.buckets.get"}),
        (Role.WRITER, None, {LIST, CREATE, DELETE, "storage.buckets.get"}),
        (None, Role.READER, {GET}),
        (Role.READER, Role.READER, {LIST, GET, "storage.buckets.get"}),
        (
            None,
            Role.OWNER,
            {
                GET,
                "storage.objects.update",
                "storage.objects.getIamPolicy",
                "storage.objects.setIamPolicy",
            },
        ),
        (
            Role.OWNER,
            None,
            {
                LIST,
                CREATE,
                DELETE,
                "storage.buckets.get",
                "storage.buckets.update",
                "storage.buckets.getIamPolicy",
                "storage.buckets.setIamPolicy",
            },
        ),
    ],
)
def test_what_roles_allow(bucket_role, object_role, permissions):
    entity = f"user-{JOB.email}"
    bucket_acl = {entity: bucket_role} if bucket_role else {}
    object_acl = {entity: object_role} if object_role else {}
    assert {one for one in ALL if allowed(JOB, one, bucket_acl, object_acl)} == permissions


@pytest.mark.parametrize(
    ("entity", "principal", "included"),
    [
        ("allUsers", ANONYMOUS, True),
        ("allUsers", JOB, True),
        ("allAuthenticatedUsers", ANONYMOUS, False),
        ("allAuthenticatedUsers", JOB, True),
        ("user-JOB@p.iam.gserviceaccount.com", JOB, True),
        ("user-other@example.com", JOB, False),
        ("user-", ANONYMOUS, False),
        ("domain-p.iam.gserviceaccount.com", JOB, True),
        ("domain-iam.gserviceaccount.com", JOB, False),
        ("project-owners-1", JOB, False),
        ("group-job@p.iam.gserviceaccount.com", JOB, False),
    ],
)
def test_whom_entities_mean(entity, principal, included):
    assert allowed(principal, LIST, {entity: Role.READER}) is included


@given(st.sampled_from(ALL))
def test_project_owners_own_everything(permission):
    assert allowed(OWNER, permission, {})


@given(st.sampled_from(ALL))
def test_nobody_else_has_anything_by_default(permission):
    acl = predefined_acl("projectPrivate", OWNER.email, 1, of_object=False)
    assert not allowed(JOB, permission, acl, acl)
    assert not allowed(ANONYMOUS, permission, acl, acl)


def test_refusals_read_as_googles():
    with pytest.raises(PermissionDenied) as refusal:
        require(JOB, GET, {}, {})
    assert refusal.value.message == (
        f"{JOB.email} does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist)."
    )
    with pytest.raises(PermissionDenied, match=r"storage\.objects\.list access to the Google Cloud Storage bucket"):
        require(JOB, LIST, {})
    with pytest.raises(Unauthenticated, match="Anonymous caller does not have"):
        require(ANONYMOUS, GET, {})


@pytest.mark.parametrize("entity", ["", "nobody", "user-", "user-a b", "project-owners", "user-a/b"])
def test_illegal_entities(entity):
    with pytest.raises(InvalidArgument, match="entity"):
        check_entity(entity)


def test_objects_have_no_writers():
    assert check_role("WRITER", of_object=False) is Role.WRITER
    with pytest.raises(InvalidArgument, match="WRITER"):
        check_role("WRITER", of_object=True)
    with pytest.raises(InvalidArgument, match="reader"):
        check_role("reader", of_object=False)


def test_predefined_lists():
    assert predefined_acl("publicRead", "me@x.org", 1, of_object=True) == {
        "user-me@x.org": Role.OWNER,
        "allUsers": Role.READER,
    }
    with pytest.raises(InvalidArgument, match="publicReadWrite"):
        predefined_acl("publicReadWrite", "me@x.org", 1, of_object=True)
