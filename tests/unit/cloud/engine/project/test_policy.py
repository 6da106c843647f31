from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.principal import ANONYMOUS, Principal
from cloud.engine.project import identities
from cloud.engine.project.members import check_member, member_of, stands_for
from cloud.engine.project.policy import (
    MAX_MEMBERS,
    check_bindings,
    first_bindings,
    grants,
    normal,
    roles_of,
    with_agents,
)
from cloud.engine.project.roles import includes
from cloud.errors import InvalidArgument

ME = Principal("me@example.com")
roles = st.sampled_from(
    ["roles/viewer", "roles/editor", "roles/storage.admin", "roles/ml.admin", "roles/bigquery.user"]
)
members = st.sampled_from(["user:me@example.com", "user:you@example.com", "domain:example.com", "group:us@example.com"])
bindings = st.lists(
    st.fixed_dictionaries(
        {"role": roles, "members": st.lists(members, max_size=4)},
        optional={"condition": st.just({"expression": "false"})},
    ),
    max_size=6,
)
permissions = st.sampled_from(["storage.objects.get", "storage.buckets.list", "ml.jobs.create", "ml.jobs.get"])


@given(bindings, permissions)
def test_a_normal_policy_grants_the_same(given, permission):
    assert grants(normal(given), ME, permission) == grants(given, ME, permission)
    assert normal(normal(given)) == normal(given)
    keys = [(binding["role"], "condition" in binding) for binding in normal(given)]
    assert keys == sorted(set(keys))


@given(bindings, permissions)
def test_what_is_granted_is_what_a_role_has_that_names_the_caller(given, permission):
    held = {
        binding["role"]
        for binding in given
        if "condition" not in binding and {"user:me@example.com", "domain:example.com"} & set(binding["members"])
    }
    assert roles_of(given, ME) == held
    assert grants(given, ME, permission) == any(includes(role, permission) for role in held)
    assert not grants(given, ANONYMOUS, permission)


@given(bindings)
def test_the_agents_come_and_go_and_leave_the_rest(given):
    came = with_agents(normal(given), "my-project", wanted=True)
    agent = identities.custom_code_agent("my-project")
    assert grants(came, agent, "storage.objects.create")
    assert with_agents(came, "my-project", wanted=True) == came
    assert with_agents(came, "my-project", wanted=False) == normal(given)


def test_a_new_project_is_as_google_makes_it():
    number = identities.project_number("my-project")
    made = {binding["role"]: binding["members"] for binding in first_bindings("my-project", with_agents=True)}
    agent = f"serviceAccount:service-{number}@"
    assert made == {
        "roles/owner": ["user:owner@my-project.example.com"],
        "roles/editor": [f"serviceAccount:{number}-compute@developer.gserviceaccount.com"],
        "roles/ml.serviceAgent": [f"{agent}cloud-ml.google.com.iam.gserviceaccount.com"],
        "roles/aiplatform.serviceAgent": [f"{agent}gcp-sa-aiplatform.iam.gserviceaccount.com"],
        "roles/aiplatform.customCodeServiceAgent": [f"{agent}gcp-sa-aiplatform-cc.iam.gserviceaccount.com"],
    }
    bare = first_bindings("my-project", with_agents=False)
    assert bare == [{"role": "roles/owner", "members": ["user:owner@my-project.example.com"]}]


def test_three_service_agents_are_three_principals():
    google = first_bindings("my-project", with_agents=True)
    ml = identities.ml_service_account("my-project")
    vertex = identities.vertex_service_agent("my-project")
    code = identities.custom_code_agent("my-project")
    assert len({ml, vertex, code}) == 3
    for agent in (ml, vertex, code):
        assert grants(google, agent, "storage.objects.create")
        assert not grants(google, agent, "resourcemanager.projects.setIamPolicy")
    assert [grants(google, agent, "aiplatform.endpoints.predict") for agent in (ml, vertex, code)] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("member", "includes_me"),
    [
        ("allUsers", True),
        ("allAuthenticatedUsers", True),
        ("user:me@example.com", True),
        ("user:Me@Example.com", True),
        ("domain:example.com", True),
        ("domain:ample.com", False),
        ("user:you@example.com", False),
        ("group:me@example.com", False),
        ("deleted:user:me@example.com?uid=1", False),
    ],
)
def test_members(member, includes_me):
    assert check_member(member) == member
    assert stands_for(member, ME) is includes_me
    assert stands_for(member, ANONYMOUS) is (member == "allUsers")


@given(st.text(max_size=40))
def test_a_member_is_taken_or_refused_in_words(text):
    with suppress(InvalidArgument):
        assert check_member(text) == text


def test_members_of_addresses():
    assert member_of("me@example.com") == "user:me@example.com"
    assert member_of("a@p.iam.gserviceaccount.com") == "serviceAccount:a@p.iam.gserviceaccount.com"


@pytest.mark.parametrize("count", [MAX_MEMBERS, MAX_MEMBERS + 1])
def test_a_policy_has_so_many_members(count):
    half, rest = count // 2, count - count // 2
    many = [
        {"role": f"roles/{role}", "members": [f"user:u{n}@example.com" for n in range(size)]}
        for role, size in (("viewer", half), ("editor", rest))
    ]
    if count > MAX_MEMBERS:
        with pytest.raises(InvalidArgument, match="at most 1500"):
            check_bindings(many)
    else:
        check_bindings(many)
