import ssl

import pytest

from cloud.gateway import environ
from cloud.gateway.tls_failures import ca_variable_hint, trust_failure


def ssl_error(reason: str) -> ssl.SSLError:
    return ssl.SSLError(1, f"[SSL: {reason}] and so on (_ssl.c:1000)")


@pytest.mark.parametrize(
    ("user_agent", "variable"),
    [
        ("curl/8.5.0", "CURL_CA_BUNDLE"),
        ("python-requests/2.32.3", "REQUESTS_CA_BUNDLE"),
        ("Python/3.11 aiohttp/3.14.5", "SSL_CERT_FILE"),
        ("Go-http-client/1.1", "SSL_CERT_FILE"),
        ("GDAL/3.10.3", "GDAL_CURL_CA_BUNDLE"),
        ("Java/17.0.2", "trustStore"),
        ("node", "NODE_EXTRA_CA_CERTS"),
        ("git/2.40", "GIT_SSL_CAINFO"),
    ],
)
def test_the_hint_for_a_known_client_names_its_variable(user_agent: str, variable: str) -> None:
    hint = ca_variable_hint(user_agent)
    assert hint.startswith(f"{user_agent} reads ")
    assert variable in hint


@pytest.mark.parametrize("user_agent", ["", "something/1"])
def test_the_hint_for_other_clients_names_every_variable(user_agent: str) -> None:
    for variable in set(environ._CA_FILES) - {"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"}:
        assert variable in ca_variable_hint(user_agent)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ssl_error("TLSV1_ALERT_UNKNOWN_CA"), "does not trust"),
        (ssl_error("SSLV3_ALERT_CERTIFICATE_UNKNOWN"), "does not trust"),
        (ssl_error("SSLV3_ALERT_BAD_CERTIFICATE"), "does not trust"),
        (ssl_error("NO_SHARED_CIPHER"), None),
        (ssl.SSLError(1), None),
        (ConnectionResetError(), "closed the connection"),
        (ConnectionAbortedError("SSL handshake is taking longer than 10.0 seconds"), None),
    ],
    ids=repr,
)
def test_which_errors_mean_that_the_client_does_not_trust_the_ca(error: OSError, reason: str | None) -> None:
    found = trust_failure(error)
    assert reason in (found or "") if reason else found is None
