"""The token endpoint: exchanges long-lived credentials for access tokens.

https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
"""

from aiohttp import web

from cloud.emulator.oauth2 import messages
from cloud.emulator.oauth2.assertions import Assertion
from cloud.emulator.oauth2.errors import TokenRefused
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import Principal


class OAuth2:
    def __init__(self, keys: KeyRing, tokens: TokenRegistry) -> None:
        self._keys = keys
        self._tokens = tokens

    def method_id(self, _: web.Request) -> str:
        return "oauth2.token"

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        if request.method != "POST":
            return web.json_response({"error": "invalid_request"}, status=405, headers={"Allow": "POST"})
        try:
            proof = messages.read_request(await request.read())
            owner = self._keys.redeem(proof)
        except TokenRefused as error:
            return web.json_response(messages.error_response(error), status=error.status, headers=_NO_STORE)
        if isinstance(proof, Assertion) and proof.target_audience and not proof.scopes:
            token = self._keys.id_token(owner, proof.target_audience)
            return web.json_response({"id_token": token}, headers=_NO_STORE)
        return web.json_response(messages.token_response(self._tokens.issue(owner)), headers=_NO_STORE)


_NO_STORE = {"Cache-Control": "no-store"}  # RFC 6749 §5.1
