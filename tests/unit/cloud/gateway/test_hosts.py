import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.gateway import hosts
from cloud.gateway.listener import Refusal


@pytest.mark.parametrize(
    "host",
    [
        "www.googleapis.com",
        "storage.googleapis.com",
        "STORAGE.googleapis.com.",
        "my-bucket.storage.googleapis.com",
        "my_bucket.with.dots.storage.googleapis.com",
        "storage.us-central1.rep.googleapis.com",
        "storage.eu.rep.googleapis.com",
        "oauth2.googleapis.com",
        "ml.googleapis.com",
        "us-central1-ml.googleapis.com",
        "northamerica-northeast1-ml.googleapis.com",
        "us-central1-prediction-aiplatform.googleapis.com",
        "bigquery.googleapis.com",
        "bigquery.us-east4.rep.googleapis.com",
        "pubsub.mtls.googleapis.com",
        "accounts.google.com",
        "us-docker.pkg.dev",
        "gcr.io",
        "1.us-central1-2.prediction.vertexai.goog",
    ],
)
def test_google_hosts_are_terminated_on_the_https_port_only(host):
    assert hosts.is_google(host, 443)
    assert not hosts.is_google(host, 80)


@pytest.mark.parametrize(
    "host",
    [
        "googleapis.com",
        "evilgoogleapis.com",
        ".googleapis.com",
        "-x.googleapis.com",
        "a--b.googleapis.com",
        f"{'x' * 64}.googleapis.com",
        f"{'x.' * 120}googleapis.com",
        "storage.googleapis.com.evil.example",
        "x.y.gcr.io",
        "pypi.org",
        "www.google.com",
        "",
    ],
)
def test_other_hosts_are_not_terminated(host):
    assert not hosts.is_google(host, 443)


@pytest.mark.parametrize("host", ["metadata.google.internal", "metadata.google.internal.", "169.254.169.254"])
def test_the_metadata_server_is_reached_by_plain_http(host):
    assert hosts.is_metadata(host, 80)
    assert not hosts.is_metadata(host, 443)
    assert not hosts.is_google(host, 443)


@given(st.from_regex(r"[a-z0-9._-]{1,60}", fullmatch=True))
def test_all_buckets_share_a_certificate(bucket):
    host = f"{bucket}.storage.googleapis.com"
    if hosts.is_google(host, 443):
        assert hosts.certificate_name(host) == "*.storage.googleapis.com"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Storage.googleapis.com", "*.googleapis.com"),
        ("us-central1-ml.googleapis.com.", "*.googleapis.com"),
        ("storage.us.rep.googleapis.com", "*.us.rep.googleapis.com"),
        ("accounts.google.com", "*.google.com"),
        ("us-docker.pkg.dev", "*.pkg.dev"),
        ("gcr.io", "gcr.io"),
    ],
)
def test_the_hosts_of_a_domain_share_a_certificate(host, name):
    assert hosts.certificate_name(host) == name


def test_a_client_that_takes_the_address_of_the_emulator_for_a_host_is_told_what_to_do():
    assert "unset it" in hosts.why_refused("http", 80)
    assert "unset it" in hosts.why_refused("127.0.0.1", 4601)
    assert hosts.why_refused("pypi.org", 443) == "this cloud is offline: pypi.org:443 is not one of Google's APIs"


def test_a_refused_host_can_be_printed_whatever_came():
    assert Refusal("a\ud83d\ude00.example", 443, 1).what == "a\\ud83d\\ude00.example:443"
    assert Refusal("b", 443, 1, "m.get").what == "m.get (b)"
