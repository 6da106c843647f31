"""Long-lived credentials as the two kinds of file that Google's clients read, and their verification.

File formats: https://google.aip.dev/auth/4112 (service account key) and https://google.aip.dev/auth/4113 (user).
Keys are generated on first use (2048 bits of RSA take a tenth of a second) and live as long as this process.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloud.emulator.oauth2.assertions import (
    BAD_SIGNATURE,
    TOKEN_URI,
    ApiIdentity,
    Assertion,
    check_bearer,
    check_grant,
    parse_assertion,
)
from cloud.emulator.oauth2.errors import InvalidGrant, TokenRefused
from cloud.emulator.oauth2.tokens import LIFETIME, digest
from cloud.engine.principal import Principal
from cloud.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class _AccountKey:
    private: rsa.RSAPrivateKey
    pem: str
    id: str


class KeyRing:
    """Args:
    clock: seconds since 1970, as assertions state them.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: dict[Principal, _AccountKey] = {}
        self._refresh: dict[bytes, Principal] = {}

    def service_account_file(self, principal: Principal, project: str) -> Mapping[str, str]:
        """What ``gcloud iam service-accounts keys create`` writes. Secret."""
        key = self._keys.get(principal)
        if key is None:
            key = self._keys[principal] = _generate()
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": key.id,
            "private_key": key.pem,
            "client_email": principal.email,
            "client_id": _client_id(principal),
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
            TokenRefused: it is not valid.
        """
        if isinstance(proof, Assertion):
            principal = self._verify(proof)
            check_grant(proof, self._clock())
            return principal
        found = self._refresh.get(digest(proof))
        if found is None:
            raise InvalidGrant("Bad Request")
        return found

    def principal(self, token: str, api: ApiIdentity) -> Principal:
        """The principal of a self-signed JWT, sent to ``api`` in place of an access token.

        Raises:
            Unauthenticated: it is not valid, or for another API.
        """
        try:
            assertion = parse_assertion(token)
            principal = self._verify(assertion)
            check_bearer(assertion, self._clock(), api)
        except TokenRefused as error:
            raise Unauthenticated(f"Invalid Credentials: {error.description}") from None
        return principal

    def id_token(self, principal: Principal, audience: str) -> str:
        """An OpenID Connect token of a service account that has a key, with the claims of Google's; but signed with
        the account's own key, which no certificate of Google's vouches for."""
        key, now = self._keys[principal], int(self._clock())
        header = {"alg": "RS256", "kid": key.id, "typ": "JWT"}
        claims = {
            "aud": audience,
            "azp": principal.email,
            "email": principal.email,
            "email_verified": True,
            "exp": now + int(LIFETIME),
            "iat": now,
            "iss": "https://accounts.google.com",
            "sub": _client_id(principal),
        }
        signed = b".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        signature = key.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + _encode(signature)).decode()

    def _verify(self, assertion: Assertion) -> Principal:
        """The account that has signed ``assertion``.

        Raises:
            InvalidGrant: there is no such account, or it has not.
        """
        principal = next((known for known in self._keys if known.email == assertion.issuer), None)
        if principal is None:
            raise InvalidGrant("Invalid grant: account not found")
        key = self._keys[principal]
        # Not every client names the key.
        if assertion.algorithm != "RS256" or assertion.key_id not in (None, key.id):
            raise InvalidGrant(BAD_SIGNATURE)
        try:
            key.private.public_key().verify(assertion.signature, assertion.signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise InvalidGrant(BAD_SIGNATURE) from None
        return principal


def _generate() -> _AccountKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _AccountKey(private, pem.decode(), hashlib.sha256(pem).hexdigest()[:40])


def _client_id(principal: Principal) -> str:
    return str(10**20 + int.from_bytes(hashlib.sha256(principal.email.encode()).digest()[:8], "big"))


def _encode(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
