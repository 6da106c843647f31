from pathlib import Path

from cloud.gateway.environ import client_environ


def make(**more):
    return client_environ(
        proxy_url="http://127.0.0.1:5",
        ca_file=Path("/run/ca.pem"),
        metadata_host="127.0.0.1:5",
        project="my-project",
        **more,
    )


def test_every_spelling_of_a_proxy_is_the_gateway():
    environ = make()
    proxies = {name: value for name, value in environ.items() if name.lower().endswith("_proxy")}
    assert {name for name in proxies if name.islower()} == {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    assert {name.upper(): value for name, value in proxies.items() if name.islower()} == {
        name: value for name, value in proxies.items() if name.isupper()
    }
    assert {value for name, value in proxies.items() if name.lower() != "no_proxy"} == {"http://127.0.0.1:5"}


def test_loopback_is_reached_directly():
    assert make()["no_proxy"].split(",") == ["localhost", "127.0.0.1", "::1"]


def test_every_trust_store_is_the_runs_ca_alone():
    names = [name for name, value in make().items() if value == "/run/ca.pem"]
    assert {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPLIB2_CA_CERTS"} <= set(names)


def test_identity_is_the_metadata_servers_unless_a_file_is_given():
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in make()
    assert make()["GCE_METADATA_HOST"] == "127.0.0.1:5"
    assert make(credentials_file=Path("/run/key.json"))["GOOGLE_APPLICATION_CREDENTIALS"] == "/run/key.json"


def test_clients_that_drop_credentials_for_an_emulator_are_not_told_of_one():
    assert "STORAGE_EMULATOR_HOST" not in make()
