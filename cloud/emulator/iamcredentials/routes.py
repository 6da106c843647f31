"""The IAM Credentials API, which is not emulated.

It is served so that requests to it are not reported as refused hosts: google-auth looks up in the
background where an account's tokens may be used, and continues if that fails.
"""

from typing import NoReturn

from aiohttp import web

from cloud.engine.principal import Principal
from cloud.errors import Unimplemented

HOSTS = r"iamcredentials(?:\.mtls)?\.googleapis\.com"


class IamCredentials:
    def method_id(self, _: web.Request) -> str:
        return "iamcredentials.projects.serviceAccounts"

    async def handle(self, request: web.Request, _: Principal) -> NoReturn:
        """Raises:
        Unimplemented: always. Clients do not retry this.
        """
        raise Unimplemented(
            f"iamcredentials.googleapis.com is not emulated: {request.method} {request.path[:200]} is refused. Tokens "
            "come from oauth2.googleapis.com or the metadata server; nothing is signed, and nobody impersonated."
        )
