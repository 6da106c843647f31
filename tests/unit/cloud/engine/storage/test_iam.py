"""ACLs and policies as two views of the same grants, against a model of grants."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud.engine.principal import ANONYMOUS, Principal
from cloud.engine.storage.acls import AccessControls, AclTarget
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.database import Records
from cloud.engine.storage.guard import Guard
from cloud.engine.storage.iam import MAX_ENTITIES, IamPolicies, PolicyTarget
from cloud.engine.storage.members import Members
from cloud.engine.storage.multipart_records import MultipartRecords
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.policy import AclsDisabled, PublicAccessPrevented
from cloud.engine.storage.preconditions import ConditionNotMet
from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.engine.storage.records import BucketRecord, ObjectRecord, Piece
from cloud.engine.storage.roles import Role
from cloud.errors import CloudError, InvalidArgument, NotFound, PermissionDenied
from cloud.settings import IamMode

OWNER = Principal("me@x.org", is_project_owner=True)
JOB, GUEST = Principal("job@p.iam.gserviceaccount.com"), Principal("guest@y.org")
NOW = datetime(2026, 1, 2, tzinfo=UTC)

LEGACY = {f"roles/storage.legacyBucket{role.title()}": role for role in Role}
OBJECT_LEGACY = {"roles/storage.legacyObjectReader": "READER", "roles/storage.legacyObjectOwner": "OWNER"}
# Some of each role's permissions, enough to distinguish the roles.
ROLE_PERMISSIONS = {
    "roles/storage.legacyBucketReader": {"objects.list"},
    "roles/storage.legacyBucketWriter": {"objects.list", "objects.create"},
    "roles/storage.legacyBucketOwner": {"objects.list", "objects.create", "buckets.setIamPolicy"},
    "roles/storage.legacyObjectReader": {"objects.get"},
    "roles/storage.legacyObjectOwner": {"objects.get", "objects.setIamPolicy"},
    "roles/storage.objectViewer": {"objects.get", "objects.list"},
    "roles/storage.objectCreator": {"objects.create"},
    "roles/storage.objectAdmin": {"objects.get", "objects.list", "objects.create", "objects.setIamPolicy"},
}
PERMISSIONS = sorted(set().union(*ROLE_PERMISSIONS.values()))
ENTITIES = {
    f"user-{JOB.email}": {JOB},
    f"user-{GUEST.email}": {GUEST},
    "domain-y.org": {GUEST},
    "allAuthenticatedUsers": {JOB, GUEST},
    "allUsers": {JOB, GUEST, ANONYMOUS},
    "project-viewers-7": set(),
}
PUBLIC = {"allUsers", "allAuthenticatedUsers"}
BUCKET, OBJECT = PolicyTarget("bkt"), PolicyTarget("bkt", "o")

entities = st.sampled_from(sorted(ENTITIES))
bindings = st.dictionaries(
    st.sampled_from(sorted(ROLE_PERMISSIONS)), st.sets(entities, min_size=1).map(tuple), max_size=3
)
object_bindings = st.dictionaries(st.sampled_from(sorted(OBJECT_LEGACY)), st.sets(entities, min_size=1).map(tuple))


def open_storage(folder, mode=IamMode.STRICT):
    """The engine's parts over a bucket with one object, without media."""
    records, guard = Records(folder / "storage.sqlite3"), Guard(mode)
    public = PublicBuckets({})
    buckets = Buckets(records, None, None, guard, 7, public, MultipartRecords(records))
    objects = Objects(records, None, None, guard, buckets, public)
    records.put_bucket(BucketRecord("bkt", "US", "STANDARD", NOW, NOW, {}, {}))
    records.commit(ObjectRecord("bkt", "o", (Piece("m", 1),), 1, 1, None, "crc", OWNER.email, NOW, NOW, {}))
    return SimpleNamespace(
        records=records,
        buckets=buckets,
        acls=AccessControls(records, buckets, objects),
        iam=IamPolicies(records, guard, buckets, objects),
    )


@pytest.fixture
def storage(tmp_path):
    storage = open_storage(tmp_path)
    yield storage
    storage.records.close()


class Policies(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.storage = open_storage(Path(self.folder.name))
        self.bucket: set[tuple[str, str]] = set()
        self.object: dict[str, str] = {}
        self.is_uniform = self.is_private = False
        self.seen: set[tuple[int, ...]] = set()

    @initialize()
    def read_version(self):
        self.seen.add(self.storage.iam.get(OWNER, BUCKET).version)

    def teardown(self):
        self.storage.records.close()
        self.folder.cleanup()

    def succeeds(self, call, *kinds):
        """Whether ``call`` succeeded; if the model expects errors (``kinds``), one of them must be raised."""
        if not kinds:
            call()
            return True
        with pytest.raises(kinds):
            call()
        return False

    def put_acl(self, target, entity, role):
        errors = [AclsDisabled] * self.is_uniform + [PublicAccessPrevented] * (self.is_private and entity in PUBLIC)
        return self.succeeds(lambda: self.storage.acls.put(OWNER, target, entity, role), *errors)

    @rule(entity=entities, role=st.sampled_from(sorted(LEGACY)))
    def put_in_the_buckets_acl(self, entity, role):
        if self.put_acl(AclTarget("bkt"), entity, LEGACY[role]):
            self.bucket = {(who, held) for who, held in self.bucket if who != entity or held not in LEGACY}
            self.bucket.add((entity, role))

    @rule(entity=entities)
    def remove_from_the_buckets_acl(self, entity):
        held = {(who, role) for who, role in self.bucket if who == entity and role in LEGACY}
        errors = [AclsDisabled] if self.is_uniform else [] if held else [NotFound]
        self.succeeds(lambda: self.storage.acls.remove(OWNER, AclTarget("bkt"), entity), *errors)
        if not errors:
            self.bucket -= held

    @rule(entity=entities, role=st.sampled_from(["READER", "OWNER"]))
    def put_in_the_objects_acl(self, entity, role):
        if self.put_acl(AclTarget("bkt", "o"), entity, role):
            self.object[entity] = role

    @rule(wanted=bindings)
    def replace_the_buckets_policy(self, wanted):
        public = self.is_private and any(PUBLIC & set(members) for members in wanted.values())
        if self.succeeds(lambda: self.storage.iam.set(OWNER, BUCKET, wanted), *[PublicAccessPrevented] * public):
            self.bucket = self.strongest({(member, role) for role, members in wanted.items() for member in members})

    @staticmethod
    def strongest(grants):
        order = list(LEGACY)
        kept = {(who, role) for who, role in grants if role not in LEGACY}
        for who in {who for who, role in grants if role in LEGACY}:
            kept.add((who, max((role for other, role in grants if other == who and role in LEGACY), key=order.index)))
        return kept

    @rule(wanted=object_bindings)
    def replace_the_objects_policy(self, wanted):
        public = self.is_private and any(PUBLIC & set(members) for members in wanted.values())
        errors = [AclsDisabled] if self.is_uniform else [PublicAccessPrevented] * public
        if self.succeeds(lambda: self.storage.iam.set(OWNER, OBJECT, wanted), *errors):
            self.object = {}
            for role in OBJECT_LEGACY:
                self.object |= dict.fromkeys(wanted.get(role, ()), OBJECT_LEGACY[role])

    @rule()
    def toggle_uniform_access(self):
        self.is_uniform = not self.is_uniform
        self.storage.buckets.patch(OWNER, "bkt", {"uniform_since": NOW if self.is_uniform else None})

    @rule()
    def toggle_public_access_prevention(self):
        self.is_private = not self.is_private
        self.storage.buckets.patch(OWNER, "bkt", {"is_never_public": self.is_private})

    @precondition(lambda self: len(self.seen) > 1)
    @rule(data=st.data(), wanted=bindings)
    def a_policy_based_on_an_old_version_is_refused(self, data, wanted):
        old = data.draw(st.sampled_from(sorted(self.seen - {self.storage.iam.get(OWNER, BUCKET).version})))
        errors = (ConditionNotMet, PublicAccessPrevented) if self.is_private else (ConditionNotMet,)
        self.succeeds(lambda: self.storage.iam.set(OWNER, BUCKET, wanted, old), *errors)

    @rule()
    def reopen(self):
        self.storage.records.close()
        folder = Path(self.folder.name)
        kept = Records(folder / "storage.sqlite3")
        bucket, held = kept.bucket("bkt"), kept.object("bkt", "o")
        kept.close()
        self.storage = open_storage(folder)
        self.storage.records.put_bucket(bucket)
        self.storage.records.commit(held)

    @invariant()
    def policies_show_the_grants(self):
        found = self.storage.iam.get(OWNER, BUCKET)
        self.seen.add(found.version)
        assert {(who, role) for role, members in found.bindings.items() for who in members} == self.bucket
        if self.is_uniform:
            with pytest.raises(AclsDisabled):
                self.storage.iam.get(OWNER, OBJECT)
            return
        listed, _ = self.storage.acls.entries(OWNER, AclTarget("bkt"))
        assert dict(listed) == {who: LEGACY[role] for who, role in self.bucket if role in LEGACY}
        assert dict(self.storage.acls.entries(OWNER, AclTarget("bkt", "o"))[0]) == self.object
        found = self.storage.iam.get(OWNER, OBJECT)
        assert {(who, OBJECT_LEGACY[role]) for role, members in found.bindings.items() for who in members} == set(
            self.object.items()
        )

    @invariant()
    def permissions_follow_from_the_grants(self):
        through_list = {role: name for name, role in OBJECT_LEGACY.items()}
        for who in (JOB, GUEST, ANONYMOUS):
            for target in (BUCKET, OBJECT):
                grants = set(self.bucket)
                if target is OBJECT and not self.is_uniform:
                    grants |= {(entity, through_list[role]) for entity, role in self.object.items()}
                may = set()
                for entity, role in grants:
                    if who in ENTITIES[entity] and not (self.is_private and entity in PUBLIC):
                        may |= ROLE_PERMISSIONS[role]
                requested = [f"storage.{permission}" for permission in PERMISSIONS]
                held = self.storage.iam.test(who, target, requested)
                assert {permission.removeprefix("storage.") for permission in held} == may


Policies.TestCase.settings = settings(
    max_examples=settings.default.max_examples // 2, stateful_step_count=20, deadline=None
)
test_policies = Policies.TestCase


def test_of_two_legacy_roles_the_stronger_is_kept(storage):
    who = (f"user-{JOB.email}",)
    granted = {"roles/storage.legacyBucketOwner": who, "roles/storage.legacyBucketReader": who}
    found = storage.iam.set(OWNER, BUCKET, granted)
    assert found.bindings == {"roles/storage.legacyBucketOwner": who}


def test_permissions_on_policies(storage):
    viewer = {"roles/storage.admin": (f"user-{JOB.email}",), "roles/storage.objectAdmin": (f"user-{GUEST.email}",)}
    with pytest.raises(PermissionDenied, match=r"storage\.buckets\.setIamPolicy"):
        storage.iam.set(JOB, BUCKET, viewer)
    storage.iam.set(OWNER, BUCKET, viewer)
    storage.iam.set(JOB, BUCKET, viewer)
    with pytest.raises(PermissionDenied, match=r"storage\.buckets\.getIamPolicy"):
        storage.iam.get(GUEST, BUCKET)
    assert storage.iam.get(GUEST, OBJECT).bindings == {}


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (BUCKET, {"roles/owner": ("allUsers",)}),
        (BUCKET, {"roles/ml.admin": ("allUsers",)}),
        (OBJECT, {"roles/storage.objectViewer": ("allUsers",)}),
        (BUCKET, {"roles/storage.objectViewer": tuple(f"user-{n}@x.org" for n in range(MAX_ENTITIES + 1))}),
    ],
)
def test_unsupported_bindings_are_refused(storage, target, wanted):
    with pytest.raises(InvalidArgument, match=r"policy\.bindings"):
        storage.iam.set(OWNER, target, wanted)
    assert storage.iam.get(OWNER, target).bindings == {}


def test_missing_resources(storage):
    for target in (PolicyTarget("nope"), PolicyTarget("bkt", "nope"), PolicyTarget("bkt", "o", generation=2)):
        with pytest.raises(NotFound):
            storage.iam.get(OWNER, target)
        with pytest.raises(NotFound):
            storage.iam.set(OWNER, target, {})
    with pytest.raises(NotFound):
        storage.iam.test(JOB, PolicyTarget("nope"), ["storage.objects.get"])
    assert storage.iam.test(JOB, PolicyTarget("bkt", "nope"), ["storage.objects.get"]) == []


@pytest.mark.parametrize("mode", [IamMode.SOFT, IamMode.OFF])
def test_modes_that_refuse_nothing_report_all_permissions(tmp_path, mode):
    storage = open_storage(tmp_path, mode)
    requested = ["storage.objects.get", "storage.objects.create"]
    assert storage.iam.test(JOB, BUCKET, requested) == requested
    storage.iam.set(JOB, BUCKET, {})
    with pytest.raises(CloudError, match="nope"):
        storage.iam.get(JOB, PolicyTarget("bkt", "nope"))
    storage.records.close()


def test_grants_of_a_deleted_account_are_not_those_of_a_new_one_of_its_name(storage):
    members = Members("p", 7)
    member = f"serviceAccount:{JOB.email}"
    gone = members.entity(f"deleted:{member}?uid=12")
    viewer, legacy = "roles/storage.objectViewer", "roles/storage.legacyBucketReader"
    entity = members.entity(member)
    storage.iam.set(OWNER, BUCKET, {viewer: (entity, "domain-y.org"), legacy: (entity,)})
    storage.acls.put(OWNER, AclTarget("bkt", "o"), entity, Role.READER)
    assert storage.iam.test(JOB, BUCKET, ["storage.objects.list"])
    assert storage.iam.test(JOB, OBJECT, ["storage.objects.getIamPolicy", "storage.objects.get"])
    storage.iam.replace(entity, gone)
    assert storage.iam.get(OWNER, BUCKET).bindings == {legacy: (gone,), viewer: (gone, "domain-y.org")}
    assert not storage.iam.test(JOB, BUCKET, ["storage.objects.list"])
    assert gone in storage.records.object("bkt", "o").acl
    assert entity not in storage.records.object("bkt", "o").acl
    assert storage.iam.test(GUEST, BUCKET, ["storage.objects.list"])
    version = storage.iam.get(OWNER, BUCKET).version
    storage.iam.replace(entity, gone)
    assert storage.iam.get(OWNER, BUCKET).version == version
