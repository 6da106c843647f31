"""What stands behind the API."""

from dataclasses import dataclass
from pathlib import Path

from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore
from cloud.engine.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Platform:
    registry: Registry
    builder: ImageBuilder
    work: Path
    """Where contexts are unpacked."""

    @property
    def images(self) -> ImageStore:
        """Those of the registry, and those that were only built."""
        return self.registry.images
