import pytest

from cloud.emulator.rest.run_as import RunAs
from cloud.engine.principal import Principal
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.accounts import ServiceAccounts
from cloud.engine.project.identities import compute_account, custom_code_agent, ml_service_account, owner
from cloud.errors import InvalidArgument, PermissionDenied
from cloud.settings import ServiceAgents
from emulator_api.api_client import SOMEBODY
from emulator_api.backends import memory_backend

PROJECT, FIELD = "my-project", "training_input.service_account"
ME, AGENT = owner(PROJECT), custom_code_agent(PROJECT).email


@pytest.fixture
def access(tmp_path):
    made = ProjectAccess(PROJECT, tmp_path, ServiceAgents.GOOGLE)
    yield made
    made.close()


@pytest.fixture
def run_as(access):
    return RunAs(memory_backend(), access, AGENT)


async def test_the_services_own_agent_needs_no_permission(run_as):
    for caller in (ME, SOMEBODY):
        for account in ("", AGENT):
            await run_as.check(caller, account, FIELD)


async def test_an_account_of_the_project_needs_act_as_on_it_or_on_the_project(run_as, access):
    account = ServiceAccounts(access).create("trainer-1").email
    await run_as.check(ME, account, FIELD)
    with pytest.raises(PermissionDenied) as refused:
        await run_as.check(SOMEBODY, account, FIELD)
    assert refused.value.message.startswith(
        f"You do not have permission to act as service account: {account}. (or it may not exist)."
    )
    assert refused.value.message.endswith(
        f"gcloud iam service-accounts add-iam-policy-binding {account} --member=user:{SOMEBODY.email} "
        "--role=roles/iam.serviceAccountUser"
    )
    user = {"role": "roles/iam.serviceAccountUser", "members": [f"user:{SOMEBODY.email}"]}
    ServiceAccounts(access).set_policy(account, {"bindings": [user]})
    await run_as.check(SOMEBODY, account, FIELD)
    with pytest.raises(PermissionDenied):
        await run_as.check(SOMEBODY, compute_account(PROJECT).email, FIELD)
    access.set_policy({"bindings": [*access.bindings, user]})
    await run_as.check(SOMEBODY, compute_account(PROJECT).email, FIELD)


@pytest.mark.parametrize(
    "account",
    [
        "nobody@my-project.iam.gserviceaccount.com",
        "trainer@another.iam.gserviceaccount.com",
        "me@example.com",
        "no address",
        ml_service_account(PROJECT).email,
    ],
)
async def test_what_is_no_account_of_the_project_is_refused_to_everybody(run_as, account):
    with pytest.raises(PermissionDenied, match=r"or it may not exist.*It is none of project my-project") as mine:
        await run_as.check(ME, account, FIELD)
    assert "add-iam-policy-binding" not in mine.value.message
    with pytest.raises(PermissionDenied, match=r"or it may not exist.*add-iam-policy-binding"):
        await run_as.check(SOMEBODY, account, FIELD)


async def test_another_backend_has_one_account():
    backend = memory_backend()
    run_as, own = RunAs(backend, None, ""), await backend.ml_service_account()
    await run_as.check(Principal("me@example.com"), own, FIELD)
    await run_as.check(Principal("me@example.com"), "", FIELD)
    with pytest.raises(InvalidArgument, match="Jobs and models run as"):
        await run_as.check(ME, "me@example.com", FIELD)
