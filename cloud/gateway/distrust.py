"""What to tell whose client does not trust this run's CA: each keeps certificates of its own, somewhere else. Pure.

Where each one looks: https://curl.se/docs/sslcerts.html, https://requests.readthedocs.io/en/latest/user/advanced/,
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
    (r"Wget/", "SSL_CERT_FILE"),
    (r"node|undici|axios", "NODE_EXTRA_CA_CERTS"),
    (
        r"Java/|Apache-HttpClient|okhttp",
        "JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=... with a keystore made from it",
    ),
    (r"grpc", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"),
    (r"git/", "GIT_SSL_CAINFO"),
)
_ANY = (
    "CURL_CA_BUNDLE (curl, TensorFlow), REQUESTS_CA_BUNDLE (requests, gcloud), HTTPLIB2_CA_CERTS "
    "(google-api-python-client), SSL_CERT_FILE (Python's ssl, aiohttp, Go), GRPC_DEFAULT_SSL_ROOTS_FILE_PATH (gRPC) "
    "or NODE_EXTRA_CA_CERTS (Node.js)"
)
_DISTRUST = re.compile(r"ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE)")


def distrust(error: OSError) -> str | None:
    """What a failed handshake says of the client's trust; None if that was not the matter."""
    if isinstance(error, ssl.SSLError):
        # An alert (RFC 8446 §6.2).
        return "the client does not trust this run's CA" if _DISTRUST.search(str(error)) else None
    if isinstance(error, ConnectionResetError):
        # asyncio's clients leave without one.
        return "the client broke off, as one does that does not trust this run's CA"
    return None


def advice(user_agent: str) -> str:
    """Which variable to set to the CA's file, for the client that calls itself ``user_agent`` (empty: it does not)."""
    for pattern, variable in _CLIENTS:
        if re.search(pattern, user_agent, re.IGNORECASE):
            return f"{user_agent} reads {variable}"
    return f"{user_agent or 'the client'} reads one of {_ANY}"
