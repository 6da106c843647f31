import pytest

from cloud.emulator.not_emulated.services import instead_of, service_of


@pytest.mark.parametrize(
    ("host", "path", "service"),
    [
        ("bigquery.googleapis.com", "/bigquery/v2/projects/p/jobs", "bigquery"),
        ("bigquery.mtls.googleapis.com", "/", "bigquery"),
        ("bigquery.us-east4.rep.googleapis.com", "/", "bigquery"),
        ("us-central1-dialogflow.googleapis.com", "/v2/x", "dialogflow"),
        ("eu-documentai.googleapis.com", "/v1/x", "documentai"),
        ("www.googleapis.com", "/bigquery/v2/projects/p/jobs", "bigquery"),
        ("www.googleapis.com", "/upload/drive/v3/files", "drive"),
        ("www.googleapis.com", "/", "www"),
        ("us-docker.pkg.dev", "/v2/", "artifactregistry"),
        ("gcr.io", "/v2/", "artifactregistry"),
        ("1.us-central1-2.prediction.vertexai.goog", "/v1/x", "aiplatform"),
    ],
)
def test_an_api_has_one_name_whatever_the_host(host, path, service):
    assert service_of(host, path) == f"{service}.googleapis.com"


def test_accounts_are_no_api():
    assert service_of("accounts.google.com", "/o/oauth2/auth") == "accounts.google.com"
    assert "nobody signs in here" in instead_of("accounts.google.com")


def test_what_to_do_is_known_of_some_and_said_of_all():
    assert "PUBSUB_EMULATOR_HOST" in instead_of("pubsub.googleapis.com")
    assert instead_of("newest.googleapis.com")
