"""A source of runtimes that has one, whatever a job requests."""

from dataclasses import dataclass, field

from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.runtime import Runtime, RuntimeRequest
from cloud.engine.runtimes.uv import Log


@dataclass(frozen=True)
class OneRuntime:
    runtime: Runtime = field(default_factory=installed_runtime)

    async def prepare(self, request: RuntimeRequest | None, log: Log) -> Runtime:
        return self.runtime
