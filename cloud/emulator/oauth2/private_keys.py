"""RSA keys of service accounts, their files and certificates (https://google.aip.dev/auth/4112)."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from cloud.emulator.oauth2.assertions import TOKEN_URI

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    id: str
    certificate: str
    """PEM, signed by the key itself."""
    pem: str = field(repr=False)
    private: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, blob: bytes) -> bytes:
        return self.private.sign(blob, padding.PKCS1v15(), hashes.SHA256())

    def file(self, email: str, project: str, client_id: str) -> Mapping[str, str]:
        """What ``gcloud iam service-accounts keys create`` writes. Secret."""
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": self.id,
            "private_key": self.pem,
            "client_email": email,
            "client_id": client_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": TOKEN_URI,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{quote(email)}",
            "universe_domain": "googleapis.com",
        }


def generate() -> PrivateKey:
    """A new key of 2048 bits: takes a tenth of a second."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _key(private, pem.decode())


def load(pem: str) -> PrivateKey:
    """The key with this private half.

    Raises:
        ValueError: it is none.
    """
    private = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("not an RSA key")
    return _key(private, pem)


def _key(private: rsa.RSAPrivateKey, pem: str) -> PrivateKey:
    key_id = hashlib.sha256(pem.encode()).hexdigest()[:40]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, key_id)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FIRST)
        .not_valid_after(_LAST)
        .sign(private, hashes.SHA256())
    )
    return PrivateKey(key_id, certificate.public_bytes(serialization.Encoding.PEM).decode(), pem, private)


def verifies(certificate: str, signed: bytes, signature: bytes, now: float) -> bool:
    """Whether the key of ``certificate``, which is valid now (in seconds since 1970), has signed this (RSA with
    SHA-256)."""
    found = parse(certificate)
    if not found.first <= now <= found.last:
        return False
    try:
        found.public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Certificate:
    name: str
    """The common name: the key's id, if it was made here."""
    public: rsa.RSAPublicKey
    first: float
    """From when it is valid to ``last``, in seconds since 1970."""
    last: float

    @property
    def public_pem(self) -> str:
        """The public key, PEM."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.public.public_bytes(serialization.Encoding.PEM, kind).decode()


@functools.lru_cache(maxsize=256)
def parse(certificate: str) -> Certificate:
    """Parse a certificate, PEM.

    Raises:
        ValueError: it is none of an RSA key.
    """
    found = x509.load_pem_x509_certificate(certificate.encode())
    public = found.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError("not of an RSA key")
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    first, last = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    return Certificate(str(names[0].value) if names else "", public, first, last)
