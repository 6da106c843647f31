import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.gateway.proxy_request import Malformed, Refuse, Serve, Tunnel, read


def head(line: str) -> bytes:
    return f"{line} HTTP/1.1\r\nHost: whatever\r\n\r\n".encode()


def test_connect_to_an_emulated_host_opens_a_tunnel_to_the_name_in_lower_case():
    assert read(head("CONNECT Storage.GoogleAPIs.com:443")) == Tunnel("storage.googleapis.com")


def test_what_the_client_calls_itself_is_known():
    asked = b"CONNECT ml.googleapis.com:443 HTTP/1.1\r\nHost: x\r\nUSER-agent:  curl/8.5.0 (x)\r\nUser-Agent: y\r\n\r\n"
    assert read(asked) == Tunnel("ml.googleapis.com", "curl/8.5.0 (x)")


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("pypi.org:443", "pypi.org", 443),
        ("storage.googleapis.com:80", "storage.googleapis.com", 80),
        ("metadata.google.internal:80", "metadata.google.internal", 80),
        ("127.0.0.1:22", "127.0.0.1", 22),
        ("[::1]:443", "[::1]", 443),
        ("storage.googleapis.com.evil.example:443", "storage.googleapis.com.evil.example", 443),
    ],
)
def test_connect_elsewhere_is_refused(target, host, port):
    assert read(head(f"CONNECT {target}")) == Refuse(host, port)


@pytest.mark.parametrize(
    "target",
    ["http://metadata.google.internal/computeMetadata/v1/", "http://169.254.169.254", "http://metadata:80/x?y=z"],
)
def test_plain_requests_to_the_metadata_server_are_served_one_at_a_time(target):
    assert read(head(f"GET {target}")) == Serve(once=True)


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("http://example.com/", "example.com", 80),
        ("http://example.com:8080/", "example.com", 8080),
        ("https://storage.googleapis.com/b", "storage.googleapis.com", 443),
        ("ftp://example.com/", "example.com", 80),
        ("http://metadata.google.internal:8080/", "metadata.google.internal", 8080),
    ],
)
def test_other_absolute_requests_are_refused(target, host, port):
    assert read(head(f"GET {target}")) == Refuse(host, port)


@pytest.mark.parametrize("target", ["/", "/computeMetadata/v1/", "/storage/v1/b?project=p"])
def test_requests_for_this_very_server_are_served(target):
    assert read(head(f"POST {target}")) == Serve(once=False)


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT pypi.org",
        "CONNECT :443",
        "CONNECT a b:443",
        "CONNECT http://x/:443",
        "GET x",
        "\x16\x03\x01",
        "",
        "CONNECT [::1:443",
    ],
)
def test_what_is_no_request_is_malformed_and_says_so(line):
    assert isinstance(read(head(line)), Malformed)


def test_a_request_line_too_long_for_a_message_is_cut():
    found = read(head("BREW " + "x" * 10_000))
    assert isinstance(found, Malformed)
    assert len(found.reason) < 400


@given(st.binary(max_size=100))
def test_any_bytes_get_an_answer(data):
    assert isinstance(read(data + b"\r\n\r\n"), Tunnel | Serve | Refuse | Malformed)
