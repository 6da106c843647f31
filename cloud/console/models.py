"""Pages of models and their versions, with a form that asks for predictions."""

import asyncio
import json
import shlex
from collections.abc import Callable

from aiohttp import web

from cloud.backends.base import Backend
from cloud.console.example_instances import example
from cloud.console.rendering import page
from cloud.console.vertex_client import VertexClient
from cloud.engine.serving.service import ServingService
from cloud.errors import CloudError, NotFound
from cloud.resources import Json

MOST_CHARACTERS = 20_000
"""Of an answer that is shown."""
_LONGEST_WAIT = 0.5
"""Seconds."""
_OF_AN_ENDPOINT = "endpoint_"
"""Begins the names of the models that stand for Vertex AI's endpoints in the backend."""


class ModelPages:
    """Args:
    serving: knows the signatures of versions.
    regions: those in which Vertex AI has models or endpoints.
    """

    def __init__(
        self, backend: Backend, serving: ServingService, vertex: VertexClient, regions: Callable[[], list[str]]
    ) -> None:
        self._backend, self._serving, self._vertex, self._regions = backend, serving, vertex, regions

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/models", self.list),
            web.get("/models/{model}", self.model),
            web.post("/models/{model}/versions/{version}", self.predict),
            web.get("/models/{model}/versions/{version}", self.version),
        ]

    async def list(self, request: web.Request) -> web.Response:
        models = [model for model in await self._backend.list_models() if not model.name.startswith(_OF_AN_ENDPOINT)]
        counted = [(model, await self._backend.list_versions(model.name)) for model in models]
        found: dict[str, list[tuple[str, dict[str, Json]]]] = {"models": [], "endpoints": []}
        for region in self._regions():
            for kind, items in found.items():
                items += [(region, each) for each in await self._vertex.list(region, kind)]
        return page(
            request, "models.html", live="models", models=counted, vertex=found["models"], endpoints=found["endpoints"]
        )

    async def model(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        model = await self._backend.get_model(name)
        return page(request, "model.html", live="models", model=model, versions=await self._backend.list_versions(name))

    async def version(self, request: web.Request) -> web.Response:
        return await self._show(request, await self._example(request))

    async def _example(self, request: web.Request) -> str:
        """What to begin with, if the version's server answers at once."""
        try:
            _, server = self._serving.served(request.match_info["model"], request.match_info["version"])
            async with asyncio.timeout(_LONGEST_WAIT):
                return example(await server.signatures())
        except (CloudError, TimeoutError):
            return ""

    async def predict(self, request: web.Request) -> web.Response:
        given = (await request.post()).get("instances", "")
        text = given if isinstance(given, str) else ""
        model, version = request.match_info["model"], request.match_info["version"]
        try:
            instances = json.loads(text)
            if not isinstance(instances, list):
                instances = [instances]
            answer = json.dumps(await self._backend.predict(model, instances, version=version), indent=2)
        except ValueError as error:
            return await self._show(request, text, error=f"JSON: {error}")
        except NotFound:
            raise
        except CloudError as error:
            return await self._show(request, text, error=error.message)
        return await self._show(request, text, answer=answer[:MOST_CHARACTERS])

    async def _show(self, request: web.Request, text: str, *, answer: str = "", error: str = "") -> web.Response:
        model, name = request.match_info["model"], request.match_info["version"]
        version = await self._backend.get_version(model, name)
        return page(
            request,
            "version.html",
            live="models",
            version=version,
            text=text,
            answer=answer,
            error=error,
            curl=_curl(self._backend.project, model, name, text or "[]"),
        )


def _curl(project: str, model: str, version: str, instances: str) -> str:
    """The request in a terminal of this cloud (``cloud.serve env``)."""
    address = f"https://ml.googleapis.com/v1/projects/{project}/models/{model}/versions/{version}:predict"
    body = shlex.quote(f'{{"instances": {instances}}}')
    return f'curl -H "Authorization: Bearer $(python -m cloud.serve token)" -d {body} {shlex.quote(address)}'
