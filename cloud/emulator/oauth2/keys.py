"""Long-lived credentials as the two kinds of file that Google's clients read, and their verification.

File formats: https://google.aip.dev/auth/4112 (service account key) and https://google.aip.dev/auth/4113 (user).
Keys are made at their first use.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloud.emulator.oauth2.assertions import (
    BAD_SIGNATURE,
    ApiIdentity,
    Assertion,
    check_bearer,
    check_grant,
    parse_assertion,
)
from cloud.emulator.oauth2.errors import InvalidGrant, TokenRefused
from cloud.emulator.oauth2.key_store import KeyStore
from cloud.emulator.oauth2.private_keys import PrivateKey, verifies
from cloud.emulator.oauth2.tokens import LIFETIME, digest
from cloud.engine.principal import Principal
from cloud.engine.project.records import AccountKey
from cloud.errors import Unauthenticated


class KeyRing:
    """Args:
    clock: seconds since 1970, as assertions state them.
    account_keys: of a service account, which its owner keeps; none for one that does not exist.
    account_exists: whether there is still an account of an e-mail address: what it has signed is void otherwise.
    made: the keys that are made here.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        account_keys: Callable[[str], Sequence[AccountKey]] = lambda _: (),
        account_exists: Callable[[str], bool] = lambda _: True,
        made: KeyStore | None = None,
    ) -> None:
        self._clock, self._account_keys, self._account_exists = clock, account_keys, account_exists
        self._made = made or KeyStore()
        self._principals: dict[str, Principal] = {}
        """Accounts that have signed since the start, by their e-mail addresses."""
        self._refresh: dict[bytes, Principal] = {}

    def service_account_file(self, principal: Principal, project: str) -> Mapping[str, str]:
        """What ``gcloud iam service-accounts keys create`` writes. Secret."""
        return self._own_key(principal).file(principal.email, project, _client_id(principal))

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
        """An OpenID Connect token of a service account, with the claims of Google's; but signed with
        the account's own key, which no certificate of Google's vouches for."""
        now = int(self._clock())
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
        return self.sign_jwt(principal, json.dumps(claims))[1]

    def sign_jwt(self, principal: Principal, claims: str) -> tuple[str, str]:
        """The id of the account's key that is kept here, and ``claims`` as a JSON Web Token signed by it."""
        key = self._own_key(principal)
        header = json.dumps({"alg": "RS256", "kid": key.id, "typ": "JWT"})
        signed = b".".join(_encode(part.encode()) for part in (header, claims))
        return key.id, (signed + b"." + _encode(key.sign(signed))).decode()

    def sign(self, principal: Principal, blob: bytes) -> tuple[str, bytes]:
        """The id of the account's key that is kept here, and its signature of ``blob`` (RSA with SHA-256)."""
        key = self._own_key(principal)
        return key.id, key.sign(blob)

    def signer(self, email: str, signed: bytes, signature: bytes, key_id: Any = None) -> Principal | None:
        """The account of this e-mail address if a key of it has signed ``signed`` so (RSA with SHA-256).

        Args:
            key_id: the only key that counts; None for any.
        """
        principal, known = self._known(email)
        named = [certificate for each, certificate in known if key_id in (None, each)]
        now = self._clock()
        return principal if any(verifies(certificate, signed, signature, now) for certificate in named) else None

    def forget(self, email: str) -> None:
        """The account is deleted: see ``KeyStore.forget``."""
        self._principals.pop(email, None)
        self._made.forget(email)

    def _own_key(self, principal: Principal) -> PrivateKey:
        self._principals[principal.email] = principal
        return self._made.own(principal.email)

    def _verify(self, assertion: Assertion) -> Principal:
        """The account that has signed ``assertion``.

        Raises:
            InvalidGrant: there is no such account, or it has not.
        """
        if assertion.algorithm != "RS256":
            raise InvalidGrant(BAD_SIGNATURE)
        if not self._known(assertion.issuer)[1]:
            raise InvalidGrant("Invalid grant: account not found")
        # Not every client names the key.
        found = self.signer(assertion.issuer, assertion.signed, assertion.signature, assertion.key_id)
        if found is None:
            raise InvalidGrant(BAD_SIGNATURE)
        return found

    def _known(self, email: str) -> tuple[Principal, list[tuple[str, str]]]:
        """The account, and the ids and certificates of its keys: none if there is no such account."""
        principal = self._principals.get(email) or Principal(email)
        if not self._account_exists(email):
            return principal, []
        known = [(key.id, key.public) for key in self._account_keys(email)]
        if own := self._made.find(email):
            known.append((own.id, own.certificate))
        return principal, known


def _client_id(principal: Principal) -> str:
    return str(10**20 + int.from_bytes(hashlib.sha256(principal.email.encode()).digest()[:8], "big"))


def _encode(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
