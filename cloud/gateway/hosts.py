"""Google's hosts that the emulator serves, in global, regional and per-bucket forms. Pure.

Forms: https://cloud.google.com/storage/docs/request-endpoints, https://cloud.google.com/storage/docs/regional-endpoints,
https://cloud.google.com/compute/docs/metadata/querying-metadata,
https://cloud.google.com/ai-platform/prediction/docs/regional-endpoints. A host is listed
only if an API serves it.
"""

import re

GLOBAL = frozenset(
    {
        "www.googleapis.com",
        "storage.googleapis.com",
        "storage-upload.googleapis.com",
        "storage-download.googleapis.com",
        "storage.mtls.googleapis.com",
        "oauth2.googleapis.com",
        "accounts.google.com",
        "ml.googleapis.com",
        "ml.mtls.googleapis.com",
        "logging.googleapis.com",
        "logging.mtls.googleapis.com",
        "aiplatform.googleapis.com",
        "aiplatform.mtls.googleapis.com",
        "cloudresourcemanager.googleapis.com",
        "cloudresourcemanager.mtls.googleapis.com",
        "iam.googleapis.com",
        "iam.mtls.googleapis.com",
        "iamcredentials.googleapis.com",
        "iamcredentials.mtls.googleapis.com",
    }
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*\.storage\.googleapis\.com")
_REGIONAL = re.compile(
    r"storage\.[a-z]{2,20}(?:-[a-z]{2,20}\d{1,2})?\.rep\.googleapis\.com|[a-z]{2,20}-[a-z]{2,20}\d{1,2}-(?:ml|aiplatform)\.googleapis\.com"
)
_METADATA = frozenset({"metadata.google.internal", "metadata", "169.254.169.254"})


def is_emulated(host: str, port: int) -> bool:
    """Whether the gateway terminates a TLS tunnel to ``host:port``."""
    host = _canonical(host)
    return port == 443 and bool(host in GLOBAL or _BUCKET.fullmatch(host) or _REGIONAL.fullmatch(host))


def is_metadata(host: str, port: int) -> bool:
    """Whether ``host:port`` is the metadata server's (plain HTTP)."""
    return port == 80 and _canonical(host) in _METADATA


def certificate_name(host: str) -> str:
    """The subject name of the certificate for an emulated ``host``.

    One wildcard for all buckets, as at Google: a bucket with a dot in its name fails verification there and here (https://cloud.google.com/storage/docs/request-endpoints#xml-api).
    """
    host = _canonical(host)
    return "*.storage.googleapis.com" if host not in GLOBAL and _BUCKET.fullmatch(host) else host


def _canonical(host: str) -> str:
    return host.lower().removesuffix(".")
