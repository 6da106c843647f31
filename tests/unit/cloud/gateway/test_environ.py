from configparser import ConfigParser
from pathlib import Path

from cloud.gateway.environ import FOREIGN, OwnerFiles, boto_configuration, client_environ, owner_environ


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
    del environ["NODE_USE_ENV_PROXY"]  # it is no proxy's
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


def test_node_trusts_the_runs_ca_too_and_takes_the_proxy():
    assert make()["NODE_EXTRA_CA_CERTS"] == "/run/ca.pem"
    assert make()["NODE_USE_ENV_PROXY"] == "1"


def test_identity_is_the_metadata_servers_unless_a_file_is_given():
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in make()
    assert make()["GCE_METADATA_HOST"] == "127.0.0.1:5"
    assert make(credentials_file=Path("/run/key.json"))["GOOGLE_APPLICATION_CREDENTIALS"] == "/run/key.json"


def test_clients_that_drop_credentials_for_an_emulator_are_not_told_of_one():
    assert "STORAGE_EMULATOR_HOST" not in make()


FILES = OwnerFiles(Path("/s/key.json"), Path("/s/boto"), Path("/s/gcloud"))
BOTO = {"ca_file": Path("/run/ca.pem"), "project": "my-project", "state_dir": Path("/s/gsutil")}


def owners():
    return owner_environ(
        proxy_url="http://127.0.0.1:5",
        ca_file=Path("/run/ca.pem"),
        metadata_host="127.0.0.1:5",
        storage_url="http://127.0.0.1:6",
        project="my-project",
        region="europe-west1",
        files=FILES,
    )


def test_the_owner_has_credentials_and_a_door_for_clients_that_send_none():
    environ = owners()
    assert environ["GOOGLE_APPLICATION_CREDENTIALS"] == "/s/key.json"
    assert environ["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"] == "/s/key.json"
    assert environ["STORAGE_EMULATOR_HOST"] == "http://127.0.0.1:6"
    assert make().items() <= environ.items()


def test_the_owner_has_project_and_region():
    environ = owners()
    assert environ["GOOGLE_CLOUD_PROJECT"] == environ["CLOUDSDK_CORE_PROJECT"] == "my-project"
    assert environ["GOOGLE_CLOUD_REGION"] == environ["CLOUDSDK_COMPUTE_REGION"] == "europe-west1"


def test_gcloud_keeps_to_the_global_host_that_knows_the_models():
    assert owners()["CLOUDSDK_AI_PLATFORM_REGION"] == "global"
    assert owners()["CLOUDSDK_API_ENDPOINT_OVERRIDES_ML"] == "https://ml.googleapis.com/"


def test_nothing_is_both_set_and_unset():
    assert not owners().keys() & set(FOREIGN)


def test_gsutils_file_says_what_the_variables_say():
    read = ConfigParser()
    read.read_string(boto_configuration(proxy_url="http://127.0.0.1:5", credentials=FILES.credentials, **BOTO))
    assert dict(read["Boto"]) == {
        "proxy": "127.0.0.1",
        "proxy_port": "5",
        "ca_certificates_file": "/run/ca.pem",
        "num_retries": "3",
        "max_retry_delay": "1",
    }
    assert read["Credentials"]["gs_service_key_file"] == "/s/key.json"
    assert read["GSUtil"]["default_project_id"] == "my-project"
