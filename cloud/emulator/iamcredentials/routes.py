"""The IAM Credentials API, which is not emulated.

Of it google-auth asks in the background where an account's tokens may be used, and continues if that fails.
"""

from typing import NoReturn

from aiohttp import web

from cloud.engine.principal import Principal
from cloud.errors import NotFound, Unimplemented

HOSTS = r"iamcredentials(?:\.mtls)?\.googleapis\.com"


class IamCredentials:
    def method_id(self, _: web.Request) -> str:
        return "iamcredentials.projects.serviceAccounts"

    async def handle(self, request: web.Request, _: Principal) -> NoReturn:
        """Raises:
        NotFound: google-auth asks where an account's tokens may be used. Not reported: nobody asked for it.
        Unimplemented: anything else. Clients do not retry this.
        """
        if request.path.endswith("/allowedLocations"):
            raise NotFound(f"{request.path[:200]}: where tokens may be used is not limited here.")
        raise Unimplemented(
            f"iamcredentials.googleapis.com is not emulated: {request.method} {request.path[:200]} is refused. Tokens "
            "come from oauth2.googleapis.com or the metadata server; nothing is signed, and nobody impersonated.",
            method=self.method_id(request),
            service="iamcredentials.googleapis.com",
        )
