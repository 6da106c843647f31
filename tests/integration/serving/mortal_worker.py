"""The serving worker with a model that doubles numbers, takes a second for 99, and kills its process at 13."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloud.engine.serving.application import serve_model
from cloud.engine.serving.batching import Predictions
from cloud.engine.serving.listen_config import ListenConfig
from cloud.engine.serving.signatures import Signature
from cloud.engine.serving.worker import report_ready
from cloud.resources import Json


class Mortal:
    signatures: Mapping[str, Signature] = {"double": Signature({}, {})}

    def prepare(self, _: str, instances: list[Json]) -> list[Json]:
        return instances

    def run(self, _: str, batch: Sequence[float], __: int) -> Predictions:
        if 13 in batch:
            os.kill(os.getpid(), signal.SIGKILL)
        if 99 in batch:
            time.sleep(1)
        return [{"double": 2 * number} for number in batch]


if __name__ == "__main__":
    asyncio.run(
        serve_model(
            Mortal(),
            set(Mortal.signatures),
            ListenConfig(Path(sys.argv[1])),
            report_ready,
        )
    )
