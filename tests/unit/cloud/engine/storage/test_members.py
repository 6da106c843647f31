import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage.members import Members
from cloud.engine.storage.policy import check_entity
from cloud.errors import InvalidArgument

MEMBERS = Members("my-project", 7)


@pytest.mark.parametrize(
    ("member", "entity"),
    [
        ("allUsers", "allUsers"),
        ("allAuthenticatedUsers", "allAuthenticatedUsers"),
        ("user:a@b.org", "user-a@b.org"),
        ("serviceAccount:a@p.iam.gserviceaccount.com", "user-a@p.iam.gserviceaccount.com"),
        ("group:a-b@c.org", "group-a-b@c.org"),
        ("domain:b-c.org", "domain-b-c.org"),
        ("projectOwner:my-project", "project-owners-7"),
        ("projectEditor:my-project", "project-editors-7"),
        ("projectViewer:12", "project-viewers-12"),
    ],
)
def test_entities_and_members(member, entity):
    assert MEMBERS.entity(member) == entity
    assert MEMBERS.member(entity) == member
    assert check_entity(entity) == entity


def test_a_deleted_account_is_a_member():
    gone = "deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=12"
    assert MEMBERS.member(MEMBERS.entity(gone)) == gone


@pytest.mark.parametrize(
    ("member", "hint"),
    [
        ("", "use allUsers"),
        ("me", "use allUsers"),
        ("user:", "user:EMAIL"),
        ("user:nobody", "user:EMAIL"),
        ("domain:a@b.c", "domain:DOMAIN"),
        ("user:a@p.iam.gserviceaccount.com", 'of type "serviceAccount"'),
        ("serviceAccount:a@b.org", 'of type "user"'),
        ("projectOwner:another-one", "no project but 'my-project'"),
        ("projectOwner:7x", "no project but"),
        ("principalSet://iam.googleapis.com/x", "federated"),
        ("principal:x", "federated"),
        ("deleted:user:a@b.org?uid=1", "deleted"),
    ],
)
def test_invalid_members_are_refused_with_a_hint(member, hint):
    with pytest.raises(InvalidArgument, match=hint):
        MEMBERS.entity(member)


EMAILS = st.from_regex(r"[a-z][a-z0-9.-]{0,9}@[a-z]{1,5}\.(org|gserviceaccount\.com)", fullmatch=True)


@given(st.sampled_from(["user", "group", "domain", "project-owners"]), EMAILS, st.integers(0, 10**12))
def test_every_entity_is_one_member(kind, email, number):
    name = {"domain": email.partition("@")[2], "project-owners": str(number)}.get(kind, email)
    if kind == "group" and name.endswith(".gserviceaccount.com"):
        return
    entity = check_entity(f"{kind}-{name}")
    assert MEMBERS.entity(MEMBERS.member(entity)) == entity
