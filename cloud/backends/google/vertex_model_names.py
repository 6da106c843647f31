"""``ModelNames``: the workflow's models and versions, and their full names in the model registry."""

from cloud.backends.google.service import ServiceContext
from cloud.backends.google.vertex_endpoints import MODELS, registered
from cloud.backends.google.vertex_models import VertexModels
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound


class ModelNames:
    def __init__(self, context: ServiceContext, models: VertexModels) -> None:
        self._send, self._models = context.transport.send, models
        self._known: dict[str, tuple[str, str]] = {}

    async def full_name(self, model: str, version: str | None) -> str:
        """Of a version, by default of the default version: ``projects/P/locations/L/models/ID@NUMBER``.

        Raises:
            InvalidArgument: no model is named.
            NotFound: no such model or version.
            FailedPrecondition: there is no default version.
        """
        if not model:
            raise InvalidArgument("Vertex AI predicts with a version: deploy the model first", field="job.model_uri")
        wanted = version or (await self._models.get_model(model)).default_version
        if wanted is None:
            raise FailedPrecondition(f"model {model!r} has no default version", field="name")
        return (await self._models.registered(model, wanted)).name

    async def of(self, name: str, number: str) -> tuple[str, str]:
        """Model and version of a full name and the number of a version. One that was deleted has its numbers as names.

        Args:
            number: empty for the default version.
        """
        name = name.partition("@")[0]
        key = f"{name}@{number}" if number else name
        if key not in self._known:
            try:
                item = await self._send(f"{MODELS}.get", {"name": key})
                found = registered(item["displayName"], item)
            except NotFound:
                found = None
            if found is None:
                return f"model_{name.rpartition('/')[2]}", f"version_{number}"
            self._known[key] = found.spec.model, found.spec.name
        return self._known[key]
