"""The metadata server, from which google-auth, gcloud-aio and TensorFlow's ``gs://`` client get an account and tokens.

Each job is configured to use it and gets the account that it runs as; the project's owner gets their own, and who is
unknown that of ML Engine's agent.

https://cloud.google.com/compute/docs/metadata/querying-metadata. Its errors are text, not Google's JSON.
"""

from functools import partial

from aiohttp import web

from cloud.emulator.metadata import messages
from cloud.emulator.oauth2.messages import token_response
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import Principal
from cloud.engine.project.identities import ml_service_account, project_number
from cloud.errors import Unauthenticated

_ROOT = "/computeMetadata/v1"
_HEADERS = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}


class Metadata:
    """One project's metadata server."""

    def __init__(self, project: str, region: str, tokens: TokenRegistry) -> None:
        self._tokens = tokens
        self._account = ml_service_account(project)
        self._document = partial(messages.document, project=project, number=project_number(project), region=region)

    def method_id(self, _: web.Request) -> str:
        return "metadata.get"

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _text(405, f"{request.method} is not served")
        # So that neither a page in a browser nor a proxy that forwards requests can read tokens. A page of the same
        # address, as an object is, may send any header but those that tell that it is one.
        if principal.is_web_page:
            return _text(403, "Requests of web pages are refused.")
        if request.headers.get("Metadata-Flavor") != "Google":
            return _text(403, "Missing Metadata-Flavor:Google header.")
        if "X-Forwarded-For" in request.headers:
            return _text(403, "Requests with an X-Forwarded-For header are refused.")
        if request.path == "/":
            return _text(200, "computeMetadata/\n")
        if not (request.path + "/").startswith(_ROOT + "/"):
            return _text(404, f"{request.path} was not found")
        account = self._account if principal.is_anonymous else principal
        return self._answer(request, request.path.removeprefix(_ROOT), account)

    def _answer(self, request: web.Request, path: str, account: Principal) -> web.Response:
        if "wait_for_change" in request.query:
            return _text(403, "wait_for_change is not emulated: nothing here changes")
        directory, _, leaf = path.rstrip("/").rpartition("/")
        document = self._document(email=account.email)
        try:
            if leaf == "token" and "email" in messages.find(document, directory):
                return web.json_response(token_response(self._tokens.current(account)), headers=_HEADERS)
            node = messages.find(document, path)
        except KeyError:
            return _text(404, f"{request.path} was not found")
        except Unauthenticated as error:
            return _text(404, error.message)
        if isinstance(node, dict) and not path.endswith("/"):
            location = f"http://{request.host}{request.path}/"
            query = f"?{request.query_string}" if request.query_string else ""
            return web.Response(status=301, headers={**_HEADERS, "Location": location + query})
        content_type, body = messages.render(
            node,
            recursive=request.query.get("recursive", "").lower() == "true",
            as_json=request.query.get("alt") == "json",
        )
        return web.Response(text=body, content_type=content_type, headers=_HEADERS)


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=_HEADERS)
