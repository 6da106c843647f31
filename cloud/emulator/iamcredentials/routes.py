"""IAM Credentials: what a caller may do as a service account, without a key of it.

https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts. google-auth also looks up
in the background, with every token, where it may be used.
"""

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import LIFETIME, TokenRegistry
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import Method
from cloud.emulator.rest.scalars import timestamp
from cloud.engine.principal import Principal
from cloud.engine.project.access import ProjectAccess
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json
from cloud.wire.ml_v1 import seconds

HOSTS = r"iamcredentials(?:\.mtls)?\.googleapis\.com"
DOCUMENT = "iamcredentials.v1"
_ON, _NEEDS = "iamcredentials.projects.serviceAccounts.", "iam.serviceAccounts."


class IamCredentialsV1(Api):
    """Args:
    keys: signs; each account has a key there that lives as long as this process.
    tokens: issues access tokens.
    access: the service accounts; None: there are none.
    """

    SERVICE, DOCUMENT = "iamcredentials.googleapis.com", DOCUMENT

    def __init__(
        self, project: str, number: int, keys: KeyRing, tokens: TokenRegistry, access: ProjectAccess | None = None
    ) -> None:
        super().__init__(project, number, access)
        self._keys, self._tokens = keys, tokens

    def routes(self) -> Iterable[Route]:
        return [
            Route(_ON + "getAllowedLocations", self._locations),
            Route(_ON + "generateAccessToken", self._access_token, _NEEDS + "getAccessToken"),
            Route(_ON + "generateIdToken", self._id_token, _NEEDS + "getOpenIdToken"),
            Route(_ON + "signBlob", self._sign_blob, _NEEDS + "signBlob"),
            Route(_ON + "signJwt", self._sign_jwt, _NEEDS + "signJwt"),
        ]

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        method, name = super().match(http_method, raw_path)
        # - stands for the project of the account.
        return method, re.sub("^projects/-/", f"projects/{self.project}/", name)

    async def grants(self, call: Call, permission: str) -> bool:
        """An account may act as itself: a job signs URLs as the account that it runs as."""
        return _is_callers(call) or bool(
            self.access and self.access.allows_on_account(call.principal, permission, call.ids[1])
        )

    async def _locations(self, _: Call) -> Json:
        """Tokens may be used everywhere."""
        return {"encodedLocations": "0x0"}

    async def _access_token(self, call: Call) -> Json:
        account = self._account(call)
        if not call.body.get("scope"):
            raise InvalidArgument("At least one scope is required.", field="scope")
        lifetime = seconds(call.body.get("lifetime", f"{LIFETIME:g}s"))
        if not 0 < lifetime <= LIFETIME:
            raise InvalidArgument(f"A token lives for 1 to {LIFETIME:g} seconds, not {lifetime:g}.", field="lifetime")
        token = self._tokens.issue(account, lifetime)
        expire_time = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=int(lifetime))
        return {"accessToken": token.value, "expireTime": timestamp(expire_time)}

    async def _id_token(self, call: Call) -> Json:
        audience = call.body.get("audience", "")
        if not audience:
            raise InvalidArgument("An audience is required.", field="audience")
        return {"token": await asyncio.to_thread(self._keys.id_token, self._account(call), audience)}

    async def _sign_blob(self, call: Call) -> Json:
        try:
            payload = base64.b64decode(call.body.get("payload", ""), validate=True)
        except binascii.Error:
            raise InvalidArgument("It is not base64.", field="payload") from None
        # Making the account's first key takes a tenth of a second.
        key_id, signature = await asyncio.to_thread(self._keys.sign, self._account(call), payload)
        return {"keyId": key_id, "signedBlob": base64.b64encode(signature).decode()}

    async def _sign_jwt(self, call: Call) -> Json:
        payload = call.body.get("payload", "")
        try:
            is_object = isinstance(json.loads(payload), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise InvalidArgument("It is not a JSON object of claims.", field="payload")
        key_id, token = await asyncio.to_thread(self._keys.sign_jwt, self._account(call), payload)
        return {"keyId": key_id, "signedJwt": token}

    def _account(self, call: Call) -> Principal:
        """Raises:
        InvalidArgument: other accounts are to delegate it.
        NotFound: there is no such account.
        """
        if call.body.get("delegates"):
            raise InvalidArgument("Chains of accounts are not emulated: name none.", field="delegates")
        if _is_callers(call):
            return call.principal
        if not (self.access and self.access.is_own_account(call.ids[1])):
            raise NotFound(f"Not found; Gaia id not found for email {call.ids[1][:200]}")
        return Principal(call.ids[1])


def _is_callers(call: Call) -> bool:
    """Whether the account is the caller's own, which may also be a service agent, or the owner."""
    return bool(call.principal.email) and call.principal.email == call.ids[1]
