"""What the commands of ``gcloud ai`` share: the region, the endpoint, operations."""

from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud import operations
from cloud.stand_ins.gcloud.commands import flag
from cloud.stand_ins.gcloud.invocation import Invocation

REGION = flag("--region")


class Region:
    """Vertex AI in one region.

    Args:
        name: of the region, or a resource name that has it; None: the configured one.
    """

    def __init__(self, run: Invocation, name: str | None) -> None:
        region = name or run.configuration.get("ai/region")
        if not region:
            raise Failure("argument --region: Must be specified.", status=2)
        self._run, self.region = run, region
        self.host = f"{region}-aiplatform.googleapis.com"
        run.say(f"Using endpoint [https://{self.host}/]")

    def path(self, collection: str, item: str | None = None) -> str:
        """Of a collection, or of one of its resources by id or name."""
        if item and item.startswith("projects/"):
            return f"/v1/{item}"
        above = f"/v1/projects/{escape(self._run.project)}/locations/{self.region}/{collection}"
        return f"{above}/{escape(item)}" if item else above

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self._run.call(method, self.host, path, None, body)

    def list_all(self, collection: str) -> list[Any]:
        return self._run.pages(self.host, self.path(collection), collection)

    def wait(self, operation: dict[str, Any]) -> Any:
        """The response of an operation.

        Raises:
            Failure: it failed.
        """
        return operations.wait(self._run, self.host, operation)


def region_of(flags: Any, item: str | None) -> str | None:
    """The region that a resource name has, else the flag's."""
    parts = (item or "").split("/")
    return parts[3] if len(parts) > 5 and parts[2] == "locations" else flags.region
