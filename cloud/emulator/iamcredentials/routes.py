"""The API that makes credentials of service accounts: refused, but not as a way out.

google-auth asks it of its own accord where an account's tokens may be used, in the background of whatever a program
does, and goes on without an answer. That is nothing a person should be shown.
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
        Unimplemented: always. Clients do not repeat a request for that.
        """
        raise Unimplemented(
            f"iamcredentials.googleapis.com is not emulated: {request.method} {request.path[:200]} is refused. Tokens "
            "come from oauth2.googleapis.com or the metadata server; nothing is signed, and nobody impersonated."
        )
