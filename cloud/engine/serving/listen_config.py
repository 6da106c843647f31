"""Where a serving worker listens."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Address and paths of a worker: a Unix socket, or else a TCP port."""

    socket: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    predict: str = "/predict"
    health: str = "/health"
    raw_predict: str = "/raw_predict"
