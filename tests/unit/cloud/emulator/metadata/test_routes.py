import pytest

from cloud.emulator.metadata.routes import Metadata
from cloud.emulator.oauth2.tokens import TokenRegistry, ml_service_account, project_number
from emulator_api.clients import Served

FLAVOR = {"Metadata-Flavor": "Google", "Host": "metadata.google.internal"}
ACCOUNT = ml_service_account("my-project")


@pytest.fixture
def tokens():
    return TokenRegistry()


@pytest.fixture
def ask(tokens):
    served = Served(Metadata("my-project", "europe-west1", tokens), requires_auth=False)

    async def ask(path: str, method: str = "GET", headers: dict[str, str] = FLAVOR):
        async with served.client() as client:
            return await client.request(method, path, headers=headers)

    return ask


async def test_a_token_is_the_ml_service_accounts(ask, tokens):
    for name in ("default", ACCOUNT.email):
        answer = await ask(f"/computeMetadata/v1/instance/service-accounts/{name}/token?scopes=x")
        body = answer.json()
        assert tokens.principal(body["access_token"]) == ACCOUNT
        assert 0 < body["expires_in"] <= 3600
        assert set(body) == {"access_token", "expires_in", "token_type"}


async def test_the_account_is_described_as_google_auth_reads_it(ask):
    answer = await ask("/computeMetadata/v1/instance/service-accounts/default/?recursive=true")
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    assert answer.json() == {
        "aliases": ["default"],
        "email": ACCOUNT.email,
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    }


async def test_facts_of_the_project(ask):
    assert (await ask("/computeMetadata/v1/project/project-id")).text == "my-project"
    number = project_number("my-project")
    assert (await ask("/computeMetadata/v1/project/numeric-project-id")).text == str(number)
    assert (await ask("/computeMetadata/v1/instance/zone")).text == f"projects/{number}/zones/europe-west1-a"


async def test_being_asked_whether_it_is_there(ask):
    answer = await ask("/")
    assert (answer.status, answer.headers["Metadata-Flavor"]) == (200, "Google")


@pytest.mark.parametrize("headers", [{}, {"Metadata-Flavor": "google"}, FLAVOR | {"X-Forwarded-For": "10.0.0.1"}])
async def test_no_token_for_requests_a_browser_or_proxy_could_be_made_to_send(ask, headers):
    answer = await ask("/computeMetadata/v1/instance/service-accounts/default/token", headers=headers)
    assert answer.status == 403
    assert "access_token" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/computeMetadata/v1/instance/service-accounts/nobody@x.example/token",
        "/computeMetadata/v1/instance/token",
        "/computeMetadata/v1/instance/service-accounts/default/identity?audience=x",
        "/computeMetadata/v1/nothing",
        "/computeMetadata/v1x",
        "/computeMetadata/",
        "/elsewhere",
    ],
)
async def test_what_is_not_there_is_404_in_text(ask, path):
    answer = await ask(path)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (404, "text/plain")


async def test_a_directory_without_slash_is_a_redirect(ask):
    answer = await ask("/computeMetadata/v1/instance/service-accounts/default?recursive=true")
    assert answer.status == 301
    assert answer.headers["Location"] == (
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/?recursive=true"
    )


async def test_waiting_and_writing_are_not_served(ask):
    assert (await ask("/computeMetadata/v1/instance/?wait_for_change=true")).status == 501
    assert (await ask("/computeMetadata/v1/instance/attributes/x", method="PUT")).status == 405
