import ssl
import stat

import pytest

from cloud.gateway.certs import CertificateAuthority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("run") / "ca")


def handshake(
    authority: CertificateAuthority, host: str, verify_as: str | None, *, alpn: tuple[str, ...] = ()
) -> ssl.SSLObject:
    """Complete a TLS handshake in memory; returns the client's side."""
    trust = ssl.create_default_context(cafile=str(authority.file))
    trust.check_hostname = verify_as is not None
    if alpn:
        trust.set_alpn_protocols(list(alpn))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname=verify_as)
    server = authority.context_for(host).wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for _ in range(20):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not waiting:
            return client
    raise AssertionError("the handshake did not complete")


@pytest.mark.parametrize(
    "host",
    ["storage.googleapis.com", "bucket.storage.googleapis.com", "storage.europe-west12.rep.googleapis.com", "gcr.io"],
)
def test_a_client_with_the_ca_file_trusts_every_host(authority, host):
    assert handshake(authority, host, host).version() in ("TLSv1.2", "TLSv1.3")


def test_without_sni_the_certificate_is_for_the_host(authority):
    names = handshake(authority, "www.googleapis.com", None).getpeercert()["subjectAltName"]
    assert names == (("DNS", "*.googleapis.com"),)


def test_a_client_that_expects_another_host_fails_verification(authority):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, "www.googleapis.com", "pypi.org")


def test_http_1_1_is_preferred_by_alpn(authority):
    client = handshake(authority, "www.googleapis.com", "www.googleapis.com", alpn=("h2", "http/1.1"))
    assert client.selected_alpn_protocol() == "http/1.1"


def test_http_2_is_chosen_if_the_client_offers_nothing_else(authority):
    client = handshake(authority, "www.googleapis.com", "www.googleapis.com", alpn=("h2",))
    assert client.selected_alpn_protocol() == "h2"


def test_contexts_are_cached_by_certificate_name(authority):
    assert authority.context_for("a.storage.googleapis.com") is authority.context_for("b.storage.googleapis.com")
    assert authority.context_for("www.googleapis.com") is not authority.context_for("b.storage.googleapis.com")


def test_no_key_stays_on_disk_and_files_are_private(tmp_path):
    folder = tmp_path / "ca"
    authority = CertificateAuthority(folder)
    authority.context_for("www.googleapis.com")
    assert list(folder.iterdir()) == [authority.file]
    assert "PRIVATE KEY" not in authority.file.read_text()
    assert stat.S_IMODE(authority.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_each_authority_has_a_certificate_of_its_own(tmp_path):
    first = CertificateAuthority(tmp_path).file.read_bytes()
    assert CertificateAuthority(tmp_path).file.read_bytes() != first
