import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.principal import ANONYMOUS, Principal
from cloud.engine.project.identities import custom_code_agent, ml_service_account
from cloud.engine.storage.policy import (
    BucketAccess,
    PublicAccessPrevented,
    allowed,
    check_entity,
    check_not_public,
    check_owner_stays,
    check_role,
    predefined_acl,
    refuse,
    with_owner,
)
from cloud.engine.storage.roles import ALL_PERMISSIONS, BUCKET_ROLES, OBJECT_ROLES, ROLE_PERMISSIONS, Role
from cloud.errors import InvalidArgument, PermissionDenied, Unauthenticated

JOB = Principal("job@p.iam.gserviceaccount.com")
OWNER = Principal("me@example.com", is_project_owner=True)
PARTS = {f"storage.multipartUploads.{verb}" for verb in ("abort", "create", "list", "listParts")}
LIST_UPLOADS = "storage.multipartUploads.list"
LIST, GET, CREATE, DELETE, RESTORE = (
    f"storage.objects.{verb}" for verb in ("list", "get", "create", "delete", "restore")
)
RETENTION = {"storage.objects.setRetention", "storage.objects.overrideUnlockedRetention"}
ALL = sorted(ALL_PERMISSIONS)


@pytest.mark.parametrize(
    ("bucket_role", "object_role", "permissions"),
    [
        (None, None, set()),
        (Role.READER, None, {LIST, "storage.buckets.get", LIST_UPLOADS}),
        (Role.WRITER, None, {LIST, CREATE, DELETE, RESTORE, "storage.buckets.get"} | PARTS),
        (None, Role.READER, {GET}),
        (Role.READER, Role.READER, {LIST, GET, "storage.buckets.get", LIST_UPLOADS}),
        (
            None,
            Role.OWNER,
            {
                GET,
                "storage.objects.update",
                "storage.objects.getIamPolicy",
                "storage.objects.setIamPolicy",
                *RETENTION,
            },
        ),
        (
            Role.OWNER,
            None,
            {
                LIST,
                CREATE,
                DELETE,
                RESTORE,
                "storage.buckets.get",
                "storage.buckets.update",
                "storage.buckets.getIamPolicy",
                "storage.buckets.setIamPolicy",
                *PARTS,
            },
        ),
    ],
)
def test_permissions_of_roles(bucket_role, object_role, permissions):
    entity = f"user-{JOB.email}"
    bucket_acl = {entity: bucket_role} if bucket_role else {}
    object_acl = {entity: object_role} if object_role else {}
    assert {
        permission for permission in ALL if allowed(JOB, permission, BucketAccess(bucket_acl), object_acl)
    } == permissions


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
def test_principals_of_entities(entity, principal, included):
    assert allowed(principal, LIST, BucketAccess({entity: Role.READER})) is included


OBJECTS, BUCKETS = "storage.objects.", "storage.buckets."
VERBS = ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
EVERY_OBJECT_VERB = {f"{OBJECTS}{verb}" for verb in (*VERBS, "restore")} | RETENTION
# https://cloud.google.com/storage/docs/access-control/iam-roles
TABLE = {
    "roles/storage.objectViewer": {GET, LIST},
    "roles/storage.objectCreator": {CREATE} | PARTS - {LIST_UPLOADS},
    "roles/storage.objectUser": {CREATE, DELETE, GET, LIST, RESTORE, f"{OBJECTS}update"} | PARTS,
    "roles/storage.objectAdmin": EVERY_OBJECT_VERB | PARTS,
    "roles/storage.admin": EVERY_OBJECT_VERB | PARTS | {f"{BUCKETS}{verb}" for verb in (*VERBS, "restore")},
    "roles/storage.bucketViewer": {f"{BUCKETS}get", f"{BUCKETS}list"},
    "roles/storage.legacyObjectReader": {GET},
    "roles/storage.legacyObjectOwner": {
        GET,
        *(f"{OBJECTS}{verb}" for verb in ("update", "getIamPolicy", "setIamPolicy")),
        *RETENTION,
    },
    "roles/storage.legacyBucketReader": {LIST, f"{BUCKETS}get", LIST_UPLOADS},
    "roles/storage.legacyBucketWriter": {LIST, CREATE, DELETE, RESTORE, f"{BUCKETS}get"} | PARTS,
    "roles/storage.legacyBucketOwner": {
        LIST,
        CREATE,
        DELETE,
        RESTORE,
        *(f"{BUCKETS}{verb}" for verb in ("get", "update", "getIamPolicy", "setIamPolicy")),
        *PARTS,
    },
}


@pytest.mark.parametrize("role", sorted(TABLE))
@pytest.mark.parametrize("is_uniform", [False, True])
def test_permissions_of_bindings(role, is_uniform):
    access = BucketAccess(bindings={role: ("user-other@x.org", f"user-{JOB.email}")}, is_uniform=is_uniform)
    assert {permission for permission in ALL if allowed(JOB, permission, access)} == TABLE[role]
    assert not any(allowed(ANONYMOUS, permission, access) for permission in ALL)


def test_every_role_is_in_the_table():
    assert TABLE.keys() == ROLE_PERMISSIONS.keys()


@pytest.mark.parametrize(("names", "of_object"), [(BUCKET_ROLES, False), (OBJECT_ROLES, True)])
def test_a_role_in_an_acl_is_a_legacy_role_in_a_policy(names, of_object):
    for role, name in names.items():
        acl = {"allUsers": role}
        listed = allowed_through(BucketAccess(), acl) if of_object else allowed_through(BucketAccess(acl))
        assert listed == allowed_through(BucketAccess(bindings={name: ("allUsers",)}))


def allowed_through(access, object_acl=None):
    return {permission for permission in ALL if allowed(ANONYMOUS, permission, access, object_acl)}


def test_uniform_access_disables_acls_of_objects():
    acl = {f"user-{JOB.email}": Role.OWNER}
    assert allowed(JOB, GET, BucketAccess(), acl)
    assert not allowed(JOB, GET, BucketAccess(is_uniform=True), acl)
    assert allowed(JOB, LIST, BucketAccess(acl, is_uniform=True), acl)


def test_public_access_prevention():
    acl, bindings = {"allUsers": Role.OWNER}, {"roles/storage.admin": ("allAuthenticatedUsers",)}
    assert allowed(JOB, GET, BucketAccess(acl, bindings), acl)
    prevented = BucketAccess(acl, bindings, is_never_public=True)
    assert not any(allowed(who, permission, prevented, acl) for permission in ALL for who in (JOB, ANONYMOUS))
    check_not_public(BucketAccess(), "allUsers")
    check_not_public(prevented, "user-a@b.c")
    with pytest.raises(PublicAccessPrevented):
        check_not_public(prevented, "user-a@b.c", "allAuthenticatedUsers")


@given(st.sampled_from(ALL))
def test_project_owners_have_every_permission(permission):
    assert allowed(OWNER, permission, BucketAccess())


@given(st.sampled_from(ALL))
def test_others_have_no_permission_by_default(permission):
    acl = predefined_acl("projectPrivate", OWNER.email, 1, of_object=False)
    assert not allowed(JOB, permission, BucketAccess(acl), acl)
    assert not allowed(ANONYMOUS, permission, BucketAccess(acl), acl)


def test_errors_have_googles_text():
    with pytest.raises(PermissionDenied) as caught:
        refuse(JOB, GET)
    assert caught.value.message == (
        f"{JOB.email} does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist)."
    )
    with pytest.raises(PermissionDenied, match=r"storage\.objects\.list access to the Google Cloud Storage bucket"):
        refuse(JOB, LIST)
    with pytest.raises(Unauthenticated, match="Anonymous caller does not have"):
        refuse(ANONYMOUS, GET)


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


def test_predefined_acls():
    assert predefined_acl("publicRead", "me@x.org", 1, of_object=True) == {
        "user-me@x.org": Role.OWNER,
        "allUsers": Role.READER,
    }
    with pytest.raises(InvalidArgument, match="publicReadWrite"):
        predefined_acl("publicReadWrite", "me@x.org", 1, of_object=True)


def test_objects_without_an_owner():
    assert predefined_acl("publicRead", "", 7, of_object=True) == {"allUsers": Role.READER}
    assert with_owner({"allUsers": Role.READER}, "") == {"allUsers": Role.READER}
    check_owner_stays("", "user-a@b.c", None)


def test_an_owner_always_has_its_role():
    acl = {"user-a@b.c": Role.READER, "user-me@x.org": Role.READER}
    assert with_owner(acl, "user-me@x.org") == {"user-me@x.org": Role.OWNER, "user-a@b.c": Role.READER}
    check_owner_stays("user-me@x.org", "user-me@x.org", Role.OWNER)
    for role in (None, Role.READER):
        with pytest.raises(PermissionDenied, match="required to have OWNER access"):
            check_owner_stays("user-me@x.org", "user-Me@x.org", role)


def test_each_service_agent_has_its_own_grants() -> None:
    ml, custom_code = ml_service_account("my-project"), custom_code_agent("my-project")
    granted = BucketAccess({f"user-{custom_code.email}": Role.READER})
    assert allowed(custom_code, LIST, granted)
    assert not allowed(ml, LIST, granted)
