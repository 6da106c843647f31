"""The environment variables that lead unmodified clients to the gateway, and nowhere else. Pure."""

from pathlib import Path

_LOOPBACK = "localhost,127.0.0.1,::1"


def client_environ(
    *, proxy_url: str, ca_file: Path, metadata_host: str, project: str, credentials_file: Path | None = None
) -> dict[str, str]:
    """What a process that speaks to Google's hosts is started with.

    Read by curl and TensorFlow's ``gs://`` (lower-case proxies, ``CURL_CA_BUNDLE``, ``GCE_METADATA_HOST``, ``GCS_*``),
    requests (``REQUESTS_CA_BUNDLE``), httplib2 (``HTTPLIB2_CA_CERTS``), Python's ssl (``SSL_CERT_FILE``), gRPC, gcloud
    and google-auth.
    aiohttp, and with it gcloud-aio, reads proxies only from a session made with ``trust_env=True``.

    ``STORAGE_EMULATOR_HOST`` is left out on purpose: Google's clients send no credentials to an emulator, so that a job
    would lose the identity its grants are for.

    Args:
        proxy_url: ``http://127.0.0.1:PORT`` of the gateway.
        ca_file: PEM with the gateway's CA, the only one these clients are to trust.
        metadata_host: ``HOST:PORT`` where the metadata server answers plain HTTP.
        credentials_file: a key or user file. Without one, identity comes from the metadata server, as on a replica.
    """
    environ = {name: proxy_url for scheme in ("https", "http", "all") for name in _both_cases(f"{scheme}_proxy")}
    environ |= dict.fromkeys(_both_cases("no_proxy"), _LOOPBACK)
    environ |= dict.fromkeys(_CA_FILES, str(ca_file))
    environ |= dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"), metadata_host)
    environ |= dict.fromkeys(("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"), project)
    if credentials_file is not None:
        environ |= {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials_file)}
    return environ | READ_WHEN_LOADED


_CA_FILES = (
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
)

READ_WHEN_LOADED = {
    # TensorFlow reads these once, when it is loaded: a process that is to be forked must have them by then.
    #
    # TensorFlow repeats a failed request up to 10 times, up to 32 s apart: minutes of silence, where the server is a
    # neighbour that answers at once or never. Three repeats 0.1, 0.2 and 0.4 s apart outlast a hiccup.
    "GCS_RETRY_CONFIG_MAX_RETRIES": "3",
    "GCS_RETRY_CONFIG_INIT_DELAY_TIME_US": "100000",
    "GCS_RETRY_CONFIG_MAX_DELAY_TIME_US": "1000000",
    "GCS_REQUEST_CONNECTION_TIMEOUT_SECS": "10",
    # TensorFlow clears a buffer of this size for each file it opens to read. At its own 64 MB that takes 40 ms, ten
    # times what the request takes here.
    "GCS_READ_CACHE_BLOCK_SIZE_MB": "8",
}


def _both_cases(name: str) -> tuple[str, str]:
    # curl reads http_proxy in lower case only, other programs only in upper case.
    return name, name.upper()
