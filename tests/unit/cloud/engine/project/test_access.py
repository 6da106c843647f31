import pytest

from cloud.engine.principal import ANONYMOUS, Principal
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.identities import compute_account, ml_service_account, owner
from cloud.errors import Aborted, InvalidArgument
from cloud.settings import ServiceAgents

PROJECT = "my-project"
ME, AGENT = Principal("me@example.com"), ml_service_account(PROJECT)
VIEW = {"role": "roles/viewer", "members": ["user:me@example.com"]}


@pytest.fixture
def open_access(tmp_path):
    opened = []

    def make(agents=ServiceAgents.GOOGLE):
        for other in opened:
            other.close()
        opened.append(ProjectAccess(PROJECT, tmp_path, agents))
        return opened[-1]

    yield make
    opened[-1].close()


@pytest.mark.parametrize("agents", ServiceAgents)
def test_by_default_the_owner_may_everything_and_agents_what_the_mode_says(open_access, agents):
    access = open_access(agents)
    assert access.allows(owner(PROJECT), "resourcemanager.projects.setIamPolicy")
    assert access.allows(AGENT, "storage.objects.create") is (agents is ServiceAgents.GOOGLE)
    assert not access.allows(ME, "storage.objects.get")
    assert not access.allows(ANONYMOUS, "storage.objects.get")


def test_a_grant_holds_at_once_and_after_a_restart(open_access):
    access = open_access()
    assert not access.allows(ME, "ml.jobs.get")
    assert access.teams(ME) == frozenset()
    written = access.set_policy({**access.policy(), "bindings": [*access.bindings, VIEW]})
    for each in (access, open_access()):
        assert each.allows(ME, "ml.jobs.get")
        assert each.teams(ME) == {f"project-viewers-{each.number}"}
        assert each.policy() == written
        access = each
    access.set_policy({"bindings": [binding for binding in access.bindings if binding["role"] != "roles/viewer"]})
    assert not access.allows(ME, "ml.jobs.get")
    assert access.teams(ME) == frozenset()


def test_the_default_account_is_an_editor(open_access):
    access = open_access()
    assert access.teams(compute_account(PROJECT)) == {f"project-editors-{access.number}"}


def test_another_mode_changes_the_agents_and_nothing_else(open_access):
    access = open_access()
    first = access.bindings
    access.set_policy({"bindings": [*access.bindings, VIEW]})
    bare = open_access(ServiceAgents.BARE)
    assert not bare.allows(AGENT, "storage.objects.create")
    assert bare.allows(ME, "ml.jobs.get")
    again = open_access()
    assert sorted(map(str, again.bindings)) == sorted(map(str, [*first, VIEW]))


def test_a_stale_etag_changes_nothing(open_access):
    access = open_access()
    stale = access.policy()
    access.set_policy({**stale, "bindings": [*access.bindings, VIEW]})
    with pytest.raises(Aborted, match="concurrent policy changes"):
        access.set_policy(stale)
    assert VIEW in access.bindings


def test_a_policy_without_its_owner_changes_nothing(open_access):
    access = open_access()
    with pytest.raises(InvalidArgument, match=r"owner@my-project\.example\.com must keep roles/owner"):
        access.set_policy({"bindings": [VIEW]})
    assert VIEW not in access.bindings
