"""Where a serving worker listens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Address and paths of a worker."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 for a free one."""
    predict: str = "/predict"
    health: str = "/health"
    raw_predict: str = "/raw_predict"
