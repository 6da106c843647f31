"""The metadata server, as google-auth, gcloud-aio and TensorFlow's ``gs://`` client ask it: whose account am I?

https://cloud.google.com/compute/docs/metadata/querying-metadata. Its errors are text, not Google's JSON.
"""

from aiohttp import web

from cloud.emulator.metadata import wire
from cloud.emulator.oauth2.tokens import TokenRegistry, ml_service_account, project_number
from cloud.engine.principal import Principal

_ROOT = "/computeMetadata/v1"
_HEADERS = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}


class Metadata:
    """One project's metadata server. Tokens are those of the ML service account: only jobs are asked to look here."""

    def __init__(self, project: str, region: str, tokens: TokenRegistry) -> None:
        self._tokens = tokens
        self._account = ml_service_account(project)
        self._document = wire.document(
            project=project, number=project_number(project), region=region, email=self._account.email
        )

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _text(405, f"{request.method} is not served")
        # What keeps a page in a browser, or a proxy that forwards for someone else, from reading tokens.
        if request.headers.get("Metadata-Flavor") != "Google":
            return _text(403, "Missing Metadata-Flavor:Google header.")
        if "X-Forwarded-For" in request.headers:
            return _text(403, "Requests with an X-Forwarded-For header are refused.")
        if request.path == "/":
            return _text(200, "computeMetadata/\n")
        if not (request.path + "/").startswith(_ROOT + "/"):
            return _text(404, f"{request.path} was not found")
        return self._answer(request, request.path.removeprefix(_ROOT))

    def _answer(self, request: web.Request, path: str) -> web.Response:
        if "wait_for_change" in request.query:
            return _text(501, "wait_for_change is not emulated: nothing here changes")
        directory, _, leaf = path.rstrip("/").rpartition("/")
        try:
            if leaf == "token" and "email" in wire.find(self._document, directory):
                return self._token()
            node = wire.find(self._document, path)
        except KeyError:
            return _text(404, f"{request.path} was not found")
        if isinstance(node, dict) and not path.endswith("/"):
            location = f"http://{request.host}{request.path}/"
            query = f"?{request.query_string}" if request.query_string else ""
            return web.Response(status=301, headers={**_HEADERS, "Location": location + query})
        content_type, body = wire.render(
            node,
            recursive=request.query.get("recursive", "").lower() == "true",
            as_json=request.query.get("alt") == "json",
        )
        return web.Response(text=body, content_type=content_type, headers=_HEADERS)

    def _token(self) -> web.Response:
        token = self._tokens.current(self._account)
        return web.json_response(
            {"access_token": token.value, "expires_in": int(token.expires_in), "token_type": "Bearer"}, headers=_HEADERS
        )


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=_HEADERS)
