"""What the replicas of one of Vertex AI's worker pools run, where it is not what the primary replica runs. A value.

Source: each ``WorkerPoolSpec`` of the discovery document ``aiplatform.v1`` has a ``containerSpec`` or
``pythonPackageSpec`` of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.errors import InvalidArgument
from cloud.names import GsUri, check_module


@dataclass(frozen=True, slots=True)
class PoolProgram:
    """The fields are those of ``TrainingSpec``, for this pool's replicas only.

    Raises:
        InvalidArgument: an illegal value.
    """

    pool: int
    """Its index: 1 for workers, 2 for parameter servers, 3 for evaluators."""
    package_uris: tuple[GsUri, ...]
    python_module: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    image_digest: str = ""
    requirements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.pool <= 3:
            raise InvalidArgument(
                f"the index of a pool beside the primary's is 1, 2 or 3, not {self.pool}", field="pool"
            )
        check_module(self.python_module)
