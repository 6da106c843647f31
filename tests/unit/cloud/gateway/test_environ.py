from configparser import ConfigParser
from pathlib import Path

from cloud.gateway.environ import CONFLICTING, OwnerFiles, boto_configuration, client_environ, owner_environ


def clients(**options):
    return client_environ(
        proxy_url="http://127.0.0.1:5",
        ca_file=Path("/run/ca.pem"),
        metadata_host="127.0.0.1:5",
        project="my-project",
        **options,
    )


def test_every_proxy_variable_is_the_gateway_in_both_cases():
    environ = clients()
    del environ["NODE_USE_ENV_PROXY"]  # a switch, not an address
    proxies = {name: value for name, value in environ.items() if name.lower().endswith("_proxy")}
    assert {name for name in proxies if name.islower()} == {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    assert {name.upper(): value for name, value in proxies.items() if name.islower()} == {
        name: value for name, value in proxies.items() if name.isupper()
    }
    assert {value for name, value in proxies.items() if name.lower() != "no_proxy"} == {"http://127.0.0.1:5"}


def test_loopback_is_reached_directly():
    assert clients()["no_proxy"].split(",") == ["localhost", "127.0.0.1", "::1"]


def test_every_client_trusts_only_the_runs_ca():
    names = [name for name, value in clients().items() if value == "/run/ca.pem"]
    assert {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPLIB2_CA_CERTS"} <= set(names)


def test_node_trusts_the_runs_ca_and_uses_the_proxy():
    assert clients()["NODE_EXTRA_CA_CERTS"] == "/run/ca.pem"
    assert clients()["NODE_USE_ENV_PROXY"] == "1"


def test_credentials_come_from_the_metadata_server_unless_a_file_is_given():
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in clients()
    assert clients()["GCE_METADATA_HOST"] == "127.0.0.1:5"
    assert clients(credentials_file=Path("/run/key.json"))["GOOGLE_APPLICATION_CREDENTIALS"] == "/run/key.json"


def test_no_storage_emulator_is_set_since_clients_send_an_emulator_no_credentials():
    assert "STORAGE_EMULATOR_HOST" not in clients()


FILES = OwnerFiles(Path("/s/key.json"), Path("/s/boto"), Path("/s/gcloud"))
BOTO = {"ca_file": Path("/run/ca.pem"), "project": "my-project", "state_dir": Path("/s/gsutil")}


def owners_environ():
    return owner_environ(
        proxy_url="http://127.0.0.1:5",
        ca_file=Path("/run/ca.pem"),
        metadata_host="127.0.0.1:5",
        storage_url="http://127.0.0.1:6",
        project="my-project",
        region="europe-west1",
        files=FILES,
    )


def test_the_owner_has_credentials_and_a_listener_that_needs_none():
    environ = owners_environ()
    assert environ["GOOGLE_APPLICATION_CREDENTIALS"] == "/s/key.json"
    assert environ["CLOUDSDK_CONFIG"] == "/s/gcloud"
    assert environ["STORAGE_EMULATOR_HOST"] == "http://127.0.0.1:6"
    assert environ["CLOUDSDK_CORE_CHECK_GCE_METADATA"] == "false"
    others = {name for name in clients() if name not in CONFLICTING}
    assert {name: clients()[name] for name in others}.items() <= environ.items()


def test_the_owner_has_project_and_region():
    environ = owners_environ()
    assert environ["GOOGLE_CLOUD_PROJECT"] == "my-project"
    assert environ["GOOGLE_CLOUD_REGION"] == environ["CLOUDSDK_AI_REGION"] == "europe-west1"


def test_what_gclouds_configuration_has_is_in_no_variable():
    assert not {"CLOUDSDK_CORE_PROJECT", "CLOUDSDK_COMPUTE_REGION"} & owners_environ().keys()


def test_gcloud_uses_the_global_host_which_has_the_models():
    assert owners_environ()["CLOUDSDK_AI_PLATFORM_REGION"] == "global"
    assert owners_environ()["CLOUDSDK_API_ENDPOINT_OVERRIDES_ML"] == "https://ml.googleapis.com/"


def test_nothing_is_both_set_and_unset():
    assert not owners_environ().keys() & set(CONFLICTING)


def test_gsutil_of_a_job_has_the_account_of_the_metadata_server():
    parsed = ConfigParser()
    parsed.read_string(
        boto_configuration(proxy_url="http://127.0.0.1:5", credentials=None, **{**BOTO, "state_dir": None})
    )
    assert dict(parsed["GoogleCompute"]) == {"service_account": "default"}
    assert "Credentials" not in parsed
    assert "state_dir" not in parsed["GSUtil"]


def test_gsutils_file_agrees_with_the_variables():
    parsed = ConfigParser()
    parsed.read_string(boto_configuration(proxy_url="http://127.0.0.1:5", credentials=FILES.credentials, **BOTO))
    assert dict(parsed["Boto"]) == {
        "proxy": "127.0.0.1",
        "proxy_port": "5",
        "ca_certificates_file": "/run/ca.pem",
        "num_retries": "3",
        "max_retry_delay": "1",
    }
    assert parsed["Credentials"]["gs_service_key_file"] == "/s/key.json"
    assert parsed["GSUtil"]["default_project_id"] == "my-project"


def test_a_jobs_log_and_what_python_prints_are_seen_at_once():
    assert owners_environ()["CLOUDSDK_ML_ENGINE_POLLING_INTERVAL"] == "1"
    assert owners_environ()["PYTHONUNBUFFERED"] == "1"
