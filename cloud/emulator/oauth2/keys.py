"""Long-lived credentials as the two kinds of file that Google's clients read, and their verification.

File formats: https://google.aip.dev/auth/4112 (service account key) and https://google.aip.dev/auth/4113 (user).
Keys are generated on first use (2048 bits of RSA take a tenth of a second) and live as long as this process.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloud.emulator.oauth2.messages import Assertion, InvalidGrant, read_assertion
from cloud.emulator.oauth2.tokens import digest
from cloud.engine.principal import Principal
from cloud.errors import Unauthenticated

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
AUDIENCES = frozenset(
    {
        TOKEN_URI,
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v3/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
"""The addresses that the token endpoint has had; clients have one of them compiled in."""
_CLOCK_SKEW = 300.0
_API = re.compile(r"https://[a-z0-9.-]+\.googleapis\.com/(?:[\w.]+)?")


class KeyRing:
    """Args:
    clock: seconds since 1970, as assertions state them.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._private: dict[Principal, rsa.RSAPrivateKey] = {}
        self._refresh: dict[bytes, Principal] = {}

    def service_account_file(self, principal: Principal, project: str) -> Mapping[str, str]:
        """What ``gcloud iam service-accounts keys create`` writes. Secret."""
        key = self._private.get(principal)
        if key is None:
            key = self._private[principal] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": hashlib.sha256(pem).hexdigest()[:40],
            "private_key": pem.decode(),
            "client_email": principal.email,
            "client_id": str(10**20 + int.from_bytes(hashlib.sha256(principal.email.encode()).digest()[:8], "big")),
            "token_uri": TOKEN_URI,
        }

    def user_file(self, principal: Principal) -> Mapping[str, str]:
        """What ``gcloud auth application-default login`` writes. Secret."""
        value = f"1//{secrets.token_urlsafe(64)}"
        self._refresh[digest(value)] = principal
        return {
            "type": "authorized_user",
            "client_id": "offline-ml-cloud.apps.googleusercontent.com",
            "client_secret": secrets.token_urlsafe(16),
            "refresh_token": value,
        }

    def redeem(self, proof: Assertion | str) -> Principal:
        """The principal that a signed assertion or a refresh token belongs to.

        Raises:
            InvalidGrant: it is not valid.
        """
        if isinstance(proof, Assertion):
            if proof.audience not in AUDIENCES:
                raise InvalidGrant(f"Invalid JWT: audience {proof.audience[:200]!r} is not the token endpoint")
            return self._verify(proof)
        principal = self._refresh.get(digest(proof))
        if principal is None:
            raise InvalidGrant("Bad Request")
        return principal

    def principal(self, token: str) -> Principal:
        """The principal of a self-signed JWT, sent in place of an access token; its audience is an API, or it has a
        scope (https://google.aip.dev/auth/4111).

        Raises:
            Unauthenticated: it is not valid.
        """
        try:
            assertion = read_assertion(token)
            if assertion.audience and not _API.fullmatch(assertion.audience):
                raise InvalidGrant("Invalid JWT: its audience is no API")
            return self._verify(assertion)
        except InvalidGrant as error:
            raise Unauthenticated(f"Invalid Credentials: {error.description}") from None

    def _verify(self, assertion: Assertion) -> Principal:
        principal = next((known for known in self._private if known.email == assertion.issuer), None)
        if principal is None:
            raise InvalidGrant("Invalid grant: account not found")
        try:
            self._private[principal].public_key().verify(
                assertion.signature, assertion.signed, padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise InvalidGrant("Invalid JWT Signature.") from None
        now = self._clock()
        if not assertion.issued_at - _CLOCK_SKEW <= now < assertion.expires_at + _CLOCK_SKEW:
            raise InvalidGrant(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim."
            )
        return principal
