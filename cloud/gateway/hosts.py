"""Google's hosts, whose TLS the gateway ends: those of APIs, emulated or not, and of what clients use beside. Pure.

Forms: https://cloud.google.com/storage/docs/request-endpoints, https://cloud.google.com/storage/docs/regional-endpoints,
https://cloud.google.com/compute/docs/metadata/querying-metadata,
https://cloud.google.com/ai-platform/prediction/docs/regional-endpoints. A request for an API that is not emulated is
refused by the emulator, within TLS, in the form that its clients understand; one for another host at CONNECT, which
most clients take for trouble of the network and repeat.
"""

import re

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*\.storage\.googleapis\.com")
_LABELS = r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)"
_GOOGLE = re.compile(
    rf"{_LABELS}+googleapis\.com"
    r"|accounts\.google\.com"
    rf"|{_LABELS}?(?:gcr\.io|pkg\.dev)"  # images and packages
    rf"|{_LABELS}+vertexai\.goog"  # dedicated endpoints
)
_LONGEST_LABEL, _LONGEST_HOST = 63, 253
"""Characters (RFC 1035 §2.3.4)."""
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_METADATA = frozenset({"metadata.google.internal", "metadata", "169.254.169.254"})


def is_google(host: str, port: int) -> bool:
    """Whether the gateway terminates a TLS tunnel to ``host:port``."""
    host = _canonical(host)
    if _BUCKET.fullmatch(host):
        return port == 443
    is_legal = len(host) <= _LONGEST_HOST and max(map(len, host.split("."))) <= _LONGEST_LABEL
    return port == 443 and is_legal and bool(_GOOGLE.fullmatch(host))


def is_plain_google(host: str, port: int) -> bool:
    """Whether ``host:port`` is one of Google's hosts by plain HTTP, which Cloud Storage serves, too."""
    return port == 80 and is_google(host, 443)


def is_metadata(host: str, port: int) -> bool:
    """Whether ``host:port`` is the metadata server's (plain HTTP)."""
    return port == 80 and _canonical(host) in _METADATA


def why_refused(host: str, port: int) -> str:
    """Of a host that is not Google's, in one line."""
    if (host, port) == ("http", 80):
        # Such as cloud.google.com/go/storage 1.6, which Debian 12 builds restic with.
        return (
            "this client takes STORAGE_EMULATOR_HOST for a host without http://, as Google's for Go did until 2021: "
            "unset it in the environment of this program; HTTPS_PROXY leads it here, too"
        )
    if host in _THIS_MACHINE:
        return (
            f"this client asks a proxy for {host}:{port} in spite of NO_PROXY. Where that is STORAGE_EMULATOR_HOST, as "
            "Google's for Node does in versions 3 and 4: unset it in the environment of this program; HTTPS_PROXY "
            "leads it here, too"
        )
    return f"this cloud is offline: {host}:{port} is not one of Google's APIs"


def certificate_name(host: str) -> str:
    """The subject name of the certificate for one of Google's hosts: a wildcard for all of a domain, as at Google.

    A bucket with a dot in its name fails verification there and here (https://cloud.google.com/storage/docs/request-endpoints#xml-api).
    """
    host = _canonical(host)
    if _BUCKET.fullmatch(host):
        return "*.storage.googleapis.com"
    _, _, domain = host.partition(".")
    return f"*.{domain}" if domain.count(".") else host


def _canonical(host: str) -> str:
    return host.lower().removesuffix(".")
