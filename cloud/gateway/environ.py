"""The environment variables that send unmodified clients to the gateway, and nowhere else. Pure."""

from dataclasses import dataclass
from pathlib import Path

_LOOPBACK = "localhost,127.0.0.1,::1"


def client_environ(
    *, proxy_url: str, ca_file: Path, metadata_host: str, project: str, credentials_file: Path | None = None
) -> dict[str, str]:
    """The variables for a process that calls Google's APIs.

    Read by curl and TensorFlow's ``gs://`` (lower-case proxies, ``CURL_CA_BUNDLE``, ``GCE_METADATA_HOST``, ``GCS_*``),
    requests (``REQUESTS_CA_BUNDLE``), httplib2 (``HTTPLIB2_CA_CERTS``), Python's ssl (``SSL_CERT_FILE``), gRPC, gcloud,
    google-auth, and Node.js (``NODE_EXTRA_CA_CERTS``; for its own ``fetch`` and ``https``, from 22.21 and 24 on,
    ``NODE_USE_ENV_PROXY``: https://nodejs.org/api/cli.html#environment-variables_1).
    aiohttp, and with it gcloud-aio, reads proxies only from a session made with ``trust_env=True``.

    ``STORAGE_EMULATOR_HOST`` is left out on purpose: Google's clients send an emulator no credentials, so a job would
    lose the identity that its grants name. (``owner_environ`` sets it.)

    Args:
        proxy_url: ``http://127.0.0.1:PORT`` of the gateway.
        ca_file: PEM with the gateway's CA, the only one that these clients trust.
        metadata_host: ``HOST:PORT`` of the metadata server (plain HTTP).
        credentials_file: a service account's key or a user's file; without it the metadata server gives credentials.
    """
    environ = {name: proxy_url for scheme in ("https", "http", "all") for name in _both_cases(f"{scheme}_proxy")}
    environ |= dict.fromkeys(_both_cases("no_proxy"), _LOOPBACK)
    environ |= dict.fromkeys(_CA_FILES, str(ca_file))
    environ |= dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"), metadata_host)
    environ |= dict.fromkeys(("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"), project)
    if credentials_file is not None:
        environ |= {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials_file)}
    return environ | _GCSFS | READ_WHEN_LOADED | {"NODE_USE_ENV_PROXY": "1"}


@dataclass(frozen=True, slots=True)
class OwnerFiles:
    """Files that programs of the project's owner read."""

    credentials: Path
    """A service account's key."""
    boto: Path
    """gsutil's configuration (``boto_configuration``)."""
    gcloud: Path
    """gcloud's configuration folder, with the owner's account, project and region."""


def owner_environ(
    *, proxy_url: str, ca_file: Path, metadata_host: str, storage_url: str, project: str, region: str, files: OwnerFiles
) -> dict[str, str]:
    """The variables for a program that acts as the project's owner: ``client_environ``, the owner's credentials, and
    what gcloud, gsutil and clients that read no proxy variables need. The caller must unset ``CONFLICTING``.

    gcloud's settings as variables: https://cloud.google.com/sdk/docs/properties. Account, project and region are not
    among them, for what ``gcloud config set`` writes would have no effect. Where they cannot prompt, gcloud's ``ai``
    commands fail without a region, and its ``ai-platform`` commands use us-central1, whose host has no global models.
    gcloud would take the account of the metadata server for one of its own, too: that is an agent's.

    Args:
        storage_url: ``http://127.0.0.1:PORT`` of the listener where a request without a token is the owner's:
            google-cloud-storage and gcloud-aio send an emulator none (docs/decisions/0024-callers-are-checked.md).
    """
    environ = client_environ(
        proxy_url=proxy_url,
        ca_file=ca_file,
        metadata_host=metadata_host,
        project=project,
        credentials_file=files.credentials,
    )
    environ |= dict.fromkeys(_REGION, region)
    environ = {name: value for name, value in environ.items() if name not in CONFLICTING}
    return environ | {
        "STORAGE_EMULATOR_HOST": storage_url,
        "BOTO_CONFIG": str(files.boto),
        "CLOUDSDK_CONFIG": str(files.gcloud),
        "CLOUDSDK_AI_REGION": region,
        "CLOUDSDK_AI_PLATFORM_REGION": "global",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ML": "https://ml.googleapis.com/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": "https://logging.googleapis.com/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "https://storage.googleapis.com/storage/v1/",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
        # Seconds between two looks at a job's log. gcloud's default of 60 makes its end wait for a minute or two.
        "CLOUDSDK_ML_ENGINE_POLLING_INTERVAL": "1",
        # What Python prints in a cell of %%bash or a pipe is seen when it is printed, not at the program's end.
        "PYTHONUNBUFFERED": "1",
    }


def boto_configuration(
    *, proxy_url: str, ca_file: Path, project: str, credentials: Path | None, state_dir: Path | None
) -> str:
    """gsutil's configuration file: gsutil reads no CA or credentials from the environment.

    Sections and names: https://cloud.google.com/storage/docs/boto-gsutil.

    Args:
        credentials: a service account's key; None: those of the metadata server.
        state_dir: where gsutil keeps its state; None: in the home folder.
    """
    host, _, port = proxy_url.removeprefix("http://").partition(":")
    identity = f"[Credentials]\ngs_service_key_file = {credentials}" if credentials else _OF_MACHINE
    state = f"state_dir = {state_dir}\n" if state_dir else ""
    return f"""{identity}

[Boto]
proxy = {host}
proxy_port = {port}
ca_certificates_file = {ca_file}
num_retries = 3
max_retry_delay = 1

[GSUtil]
default_project_id = {project}
default_api_version = 2
software_update_check_period = 0
{state}"""


_OF_MACHINE = "[GoogleCompute]\nservice_account = default"


CONFLICTING = (
    "BOTO_PATH",
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_BILLING_QUOTA_PROJECT",
    "CLOUDSDK_COMPUTE_REGION",
    "CLOUDSDK_COMPUTE_ZONE",
    "CLOUDSDK_CORE_ACCOUNT",
    "CLOUDSDK_CORE_PROJECT",
    "CLOUD_STORAGE_EMULATOR_ENDPOINT",
    "DOCKER_API_VERSION",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTENT_TRUST",
    "DOCKER_CONTEXT",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "GOOGLE_AUTH_TOKEN_FOR_TESTING",
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
    "NO_GCE_CHECK",
)
"""Variables that would send a client to another host, change its identity, or outweigh its configuration here."""

_REGION = ("GOOGLE_CLOUD_REGION", "GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION")

_CA_FILES = (
    "CURL_CA_BUNDLE",
    "GDAL_CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "NODE_EXTRA_CA_CERTS",
)

_GCSFS = {
    # gcsfs uses aiohttp, which reads proxy variables only with trust_env. This sets what code would pass as arguments:
    # https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration.
    "FSSPEC_GCS": '{"session_kwargs": {"trust_env": true}}',
    # Otherwise it asks for the bucket's type over gRPC, which is not emulated, and waits half a minute each time.
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
}

READ_WHEN_LOADED = {
    # TensorFlow reads these once, when it is loaded: a process to fork from must have them by then.
    #
    # TensorFlow retries a failed request up to 10 times, up to 32 s apart: minutes of silence, where the server is
    # local and answers at once or never. Three retries 0.1, 0.2 and 0.4 s apart are enough for a transient error.
    "GCS_RETRY_CONFIG_MAX_RETRIES": "3",
    "GCS_RETRY_CONFIG_INIT_DELAY_TIME_US": "100000",
    "GCS_RETRY_CONFIG_MAX_DELAY_TIME_US": "1000000",
    "GCS_REQUEST_CONNECTION_TIMEOUT_SECS": "10",
    # TensorFlow clears a buffer of this size for each file it opens to read. Its default of 64 MB takes 40 ms, ten
    # times as long as the request.
    "GCS_READ_CACHE_BLOCK_SIZE_MB": "8",
}


def _both_cases(name: str) -> tuple[str, str]:
    # curl reads http_proxy only in lower case, other programs only in upper case.
    return name, name.upper()
