import pytest

from cloud.emulator.metadata.routes import Metadata
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.project.identities import ml_service_account, project_number
from emulator_api.clients import Served

FLAVOR = {"Metadata-Flavor": "Google", "Host": "metadata.google.internal"}
ACCOUNT = ml_service_account("my-project")


@pytest.fixture
def tokens():
    return TokenRegistry()


@pytest.fixture
def send(tokens):
    served = Served(Metadata("my-project", "europe-west1", tokens), requires_auth=False)

    async def send(path: str, method: str = "GET", headers: dict[str, str] = FLAVOR):
        async with served.client() as client:
            return await client.request(method, path, headers=headers)

    return send


async def test_a_token_is_the_ml_service_accounts(send, tokens):
    for name in ("default", ACCOUNT.email):
        response = await send(f"/computeMetadata/v1/instance/service-accounts/{name}/token?scopes=x")
        body = response.json()
        assert tokens.principal(body["access_token"]) == ACCOUNT
        assert 0 < body["expires_in"] <= 3600
        assert set(body) == {"access_token", "expires_in", "token_type"}


async def test_the_account_is_described_as_google_auth_reads_it(send):
    response = await send("/computeMetadata/v1/instance/service-accounts/default/?recursive=true")
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"
    assert response.json() == {
        "aliases": ["default"],
        "email": ACCOUNT.email,
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    }


async def test_entries_of_the_project(send):
    assert (await send("/computeMetadata/v1/project/project-id")).text == "my-project"
    number = project_number("my-project")
    assert (await send("/computeMetadata/v1/project/numeric-project-id")).text == str(number)
    assert (await send("/computeMetadata/v1/instance/zone")).text == f"projects/{number}/zones/europe-west1-a"


async def test_the_detection_request(send):
    response = await send("/")
    assert (response.status, response.headers["Metadata-Flavor"]) == (200, "Google")


@pytest.mark.parametrize("headers", [{}, {"Metadata-Flavor": "google"}, FLAVOR | {"X-Forwarded-For": "10.0.0.1"}])
async def test_no_token_for_requests_that_a_browser_or_proxy_can_send(send, headers):
    response = await send("/computeMetadata/v1/instance/service-accounts/default/token", headers=headers)
    assert response.status == 403
    assert "access_token" not in response.text


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
async def test_unknown_paths_are_404_in_text(send, path):
    response = await send(path)
    assert (response.status, response.headers["Content-Type"].partition(";")[0]) == (404, "text/plain")


async def test_a_directory_without_slash_is_a_redirect(send):
    response = await send("/computeMetadata/v1/instance/service-accounts/default?recursive=true")
    assert response.status == 301
    assert response.headers["Location"] == (
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/?recursive=true"
    )


async def test_waiting_and_writing_are_refused(send):
    assert (await send("/computeMetadata/v1/instance/?wait_for_change=true")).status == 403
    assert (await send("/computeMetadata/v1/instance/attributes/x", method="PUT")).status == 405
