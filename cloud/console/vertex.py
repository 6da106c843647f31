"""Pages of Vertex AI's models and endpoints, with a form that asks an endpoint for predictions."""

import json
import re
import shlex

from aiohttp import web

from cloud.console.models import MOST_CHARACTERS
from cloud.console.rendering import page
from cloud.console.vertex_client import VertexClient
from cloud.errors import CloudError, NotFound

_REGION, _ID = re.compile(r"[a-z]+-[a-z]+\d+"), re.compile(r"[\w-]+")


class VertexPages:
    def __init__(self, vertex: VertexClient, project: str) -> None:
        self._vertex, self._project = vertex, project

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/models/vertex-ai/{region}/models/{id}", self.model),
            web.get("/models/vertex-ai/{region}/endpoints/{id}", self.endpoint),
            web.post("/models/vertex-ai/{region}/endpoints/{id}", self.predict),
        ]

    async def model(self, request: web.Request) -> web.Response:
        region, number = _named(request)
        model = await self._vertex.get(region, f"models/{number}")
        return page(request, "vertex_model.html", live="models", model=model, region=region)

    async def endpoint(self, request: web.Request) -> web.Response:
        return await self._show(request, "")

    async def predict(self, request: web.Request) -> web.Response:
        region, number = _named(request)
        text = str((await request.post()).get("instances", ""))
        try:
            instances = json.loads(text)
            body = {"instances": instances if isinstance(instances, list) else [instances]}
            answer = await self._vertex.post(region, f"endpoints/{number}:predict", body)
        except ValueError as error:
            return await self._show(request, text, error=f"JSON: {error}")
        except CloudError as error:
            return await self._show(request, text, error=error.message)
        return await self._show(request, text, answer=json.dumps(answer, indent=2)[:MOST_CHARACTERS])

    async def _show(self, request: web.Request, text: str, *, answer: str = "", error: str = "") -> web.Response:
        region, number = _named(request)
        endpoint = await self._vertex.get(region, f"endpoints/{number}")
        return page(
            request,
            "vertex_endpoint.html",
            live="models",
            endpoint=endpoint,
            region=region,
            text=text,
            answer=answer,
            error=error,
            curl=self._curl(region, number, text or "[]"),
        )

    def _curl(self, region: str, number: str, instances: str) -> str:
        """The request in a terminal of this cloud (``cloud.serve env``)."""
        address = (
            f"https://{region}-aiplatform.googleapis.com/v1/projects/{self._project}/locations/{region}"
            f"/endpoints/{number}:predict"
        )
        body = shlex.quote(f'{{"instances": {instances}}}')
        head = '-H "Authorization: Bearer $(python -m cloud.serve token)" -H "Content-Type: application/json"'
        return f"curl {head} -d {body} {shlex.quote(address)}"


def _named(request: web.Request) -> tuple[str, str]:
    """Region and id.

    Raises:
        NotFound: they are none.
    """
    region, number = request.match_info["region"], request.match_info["id"]
    if not _REGION.fullmatch(region) or not _ID.fullmatch(number):
        raise NotFound(f"there is nothing at {request.path[:200]}")
    return region, number
