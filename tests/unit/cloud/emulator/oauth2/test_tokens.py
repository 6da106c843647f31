import time

import pytest

from cloud.emulator.oauth2.tokens import LIFETIME, RENEW_BEFORE, TokenRegistry
from cloud.engine.project.identities import ml_service_account, owner, project_number
from cloud.errors import Unauthenticated


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(clock):
    return TokenRegistry(clock)


ME = owner("my-project")
ACCOUNT = ml_service_account("my-project")


def test_a_token_is_valid_until_it_expires(tokens, clock):
    token = tokens.issue(ME, 60)
    assert token.value.startswith("ya29.")
    assert token.expires_in == 60
    clock.now += 59.9
    assert tokens.principal(token.value) == ME
    clock.now += 0.1
    with pytest.raises(Unauthenticated, match="Invalid Credentials"):
        tokens.principal(token.value)


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_tokens_do_not_depend_on_the_wall_clock(monkeypatch, jump):
    tokens = TokenRegistry()
    token = tokens.issue(ME, 3600)
    now = time.time() + jump
    monkeypatch.setattr(time, "time", lambda: now)
    assert tokens.principal(token.value) == ME
    assert tokens.principal(tokens.current(ME).value) == ME


@pytest.mark.parametrize("value", ["", "ya29.nonsense", "\udcff", "é" * 5000])
def test_unknown_tokens_are_refused(tokens, value):
    with pytest.raises(Unauthenticated):
        tokens.principal(value)


def test_tokens_are_unique(tokens):
    assert len({tokens.issue(ME).value for _ in range(100)}) == 100


def test_a_current_token_is_reused_until_shortly_before_it_expires(tokens, clock):
    first = tokens.current(ACCOUNT)
    clock.now += 10
    again = tokens.current(ACCOUNT)
    assert (again.value, again.expires_in) == (first.value, LIFETIME - 10)
    clock.now += LIFETIME - RENEW_BEFORE - 10
    renewed = tokens.current(ACCOUNT)
    assert (renewed.value != first.value, renewed.expires_in) == (True, LIFETIME)
    assert tokens.principal(first.value) == tokens.principal(renewed.value) == ACCOUNT


def test_principals_do_not_share_tokens(tokens):
    assert tokens.principal(tokens.current(ME).value) == ME
    assert tokens.principal(tokens.current(ACCOUNT).value) == ACCOUNT


def test_expired_tokens_are_forgotten(tokens, clock):
    for _ in range(50):
        tokens.issue(ME, 1)
    clock.now += 2
    tokens.issue(ME)
    assert len(tokens._issued) == 1


def test_a_printed_token_shows_nothing(tokens):
    token = tokens.issue(ME)
    assert token.value not in repr(token)
    assert token.value not in repr(vars(tokens))


def test_a_projects_number_and_accounts_are_derived_from_its_id():
    assert project_number("my-project") == project_number("my-project")
    assert len({project_number(f"project-{index}") for index in range(1000)}) == 1000
    assert all(len(str(project_number(f"project-{index}"))) == 12 for index in range(1000))
    number = project_number("my-project")
    assert ACCOUNT.email == f"service-{number}@cloud-ml.google.com.iam.gserviceaccount.com"
    assert (ACCOUNT.is_project_owner, ME.is_project_owner) == (False, True)
