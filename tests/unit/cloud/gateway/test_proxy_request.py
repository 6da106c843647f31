import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.gateway.http2 import PREFACE
from cloud.gateway.proxy_request import Http2, Malformed, Refuse, Serve, Tunnel, parse


def head(line: str) -> bytes:
    return f"{line} HTTP/1.1\r\nHost: whatever\r\n\r\n".encode()


def test_connect_to_an_emulated_host_is_a_tunnel_to_the_name_in_lower_case():
    assert parse(head("CONNECT Storage.GoogleAPIs.com:443")) == Tunnel("storage.googleapis.com")


def test_the_user_agent_is_read():
    request = (
        b"CONNECT ml.googleapis.com:443 HTTP/1.1\r\nHost: x\r\nUSER-agent:  curl/8.5.0 (x)\r\nUser-Agent: y\r\n\r\n"
    )
    assert parse(request) == Tunnel("ml.googleapis.com", "curl/8.5.0 (x)")


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
def test_connect_to_other_hosts_is_refused(target, host, port):
    assert parse(head(f"CONNECT {target}")) == Refuse(host, port)


@pytest.mark.parametrize(
    "target",
    [
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://169.254.169.254",
        "http://metadata:80/x?y=z",
        "http://storage.googleapis.com/bucket/object",
    ],
)
def test_by_plain_http_one_request_a_connection_is_served(target):
    assert parse(head(f"GET {target}")) == Serve(once=True)


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("http://example.com/", "example.com", 80),
        ("http://example.com:8080/", "example.com", 8080),
        ("https://storage.googleapis.com/b", "storage.googleapis.com", 443),
        ("http://storage.googleapis.com:8080/b", "storage.googleapis.com", 8080),
        ("ftp://example.com/", "example.com", 80),
        ("http://metadata.google.internal:8080/", "metadata.google.internal", 8080),
    ],
)
def test_other_absolute_form_requests_are_refused(target, host, port):
    assert parse(head(f"GET {target}")) == Refuse(host, port)


@pytest.mark.parametrize("target", ["/", "/computeMetadata/v1/", "/storage/v1/b?project=p"])
def test_origin_form_requests_are_served(target):
    assert parse(head(f"POST {target}")) == Serve(once=False)


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
def test_anything_but_a_request_is_malformed(line):
    assert isinstance(parse(head(line)), Malformed)


def test_a_long_request_line_is_cut_in_the_message():
    found = parse(head("BREW " + "x" * 10_000))
    assert isinstance(found, Malformed)
    assert len(found.reason) < 400


@given(st.binary(max_size=100))
def test_any_bytes_are_classified(data):
    assert isinstance(parse(data + b"\r\n\r\n"), Tunnel | Serve | Refuse | Malformed)


def test_http_2_is_recognised_by_its_whole_preface():
    assert parse(PREFACE) == Http2()
    assert isinstance(parse(b"PRI * HTTP/2.0\r\nHost: h\r\n\r\n"), Malformed)
