"""Explains TLS handshakes that fail because a client does not trust this run's CA. Pure.

Where each client looks for CA certificates: https://curl.se/docs/sslcerts.html, https://requests.readthedocs.io/en/latest/user/advanced/,
https://docs.python.org/3/library/ssl.html, https://pkg.go.dev/crypto/x509, https://nodejs.org/api/cli.html,
https://docs.oracle.com/en/java/javase/17/security/java-secure-socket-extension-jsse-reference-guide.html.
"""

import re
import ssl

_CLIENTS = (
    (r"curl/", "CURL_CA_BUNDLE"),
    (r"python-requests", "REQUESTS_CA_BUNDLE"),
    (r"aiohttp|Python-urllib|python-httpx", "SSL_CERT_FILE"),
    (r"Go-http-client", "SSL_CERT_FILE"),
    (r"GDAL/", "GDAL_CURL_CA_BUNDLE"),
    (r"Wget/", "SSL_CERT_FILE"),
    (r"node|undici|axios", "NODE_EXTRA_CA_CERTS"),
    (
        r"Java/|Apache-HttpClient|okhttp",
        "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=... with a keystore made from it",
    ),
    (r"grpc", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"),
    (r"git/", "GIT_SSL_CAINFO"),
)
_ALL_VARIABLES = (
    "CURL_CA_BUNDLE (curl, TensorFlow), GDAL_CURL_CA_BUNDLE (GDAL, rasterio), REQUESTS_CA_BUNDLE (requests, gcloud), "
    "HTTPLIB2_CA_CERTS (google-api-python-client), SSL_CERT_FILE (Python's ssl, aiohttp, Go), "
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH (gRPC) or NODE_EXTRA_CA_CERTS (Node.js)"
)
_TRUST_ALERT = re.compile(r"ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE)")


def trust_failure(error: OSError) -> str | None:
    """Why a handshake failed, if the client's trust is the likely cause; else None."""
    if isinstance(error, ssl.SSLError):
        # An alert (RFC 8446 §6.2).
        return "the client does not trust this run's CA" if _TRUST_ALERT.search(str(error)) else None
    if isinstance(error, ConnectionResetError):
        # asyncio's clients close without an alert.
        return "the client closed the connection, probably because it does not trust this run's CA"
    return None


def ca_variable_hint(user_agent: str) -> str:
    """Which variable the client with this ``user_agent`` (empty: unknown) reads its CA file from."""
    for pattern, variable in _CLIENTS:
        if re.search(pattern, user_agent, re.IGNORECASE):
            return f"{user_agent} reads {variable}"
    return f"{user_agent or 'the client'} reads one of {_ALL_VARIABLES}"
