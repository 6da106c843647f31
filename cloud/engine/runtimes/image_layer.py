"""The layer ``image``: what Google's images hold beside TensorFlow, for jobs in the installed environment."""

import hashlib
import sys
from pathlib import Path

from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK, LIMITS
from cloud.engine.runtimes.names import IMAGE
from cloud.engine.runtimes.recipes import OWN_PYTHON
from cloud.engine.runtimes.requirements import Requirements
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.store import Record, State, Store, Stored
from cloud.engine.runtimes.uv import Log


def image_layer(store: Store, installed: Runtime) -> Path | None:
    """The folder of the layer for this state of the installed environment; None if there is none."""
    stored = store.get(_folder_name(installed))
    if stored is None or stored.state is not State.READY or stored.record is None or stored.record.layer is None:
        return None
    return Path(stored.record.layer)


async def build_image_layer(
    store: Store, requirements: Requirements, installed: Runtime, log: Log, *, work: Path
) -> Stored | None:
    """Make the layer; None if the installed environment holds everything.

    Args:
        work: an empty folder.

    Raises:
        FailedPrecondition: a requirement cannot be met, or an index does not answer.
        ResourceExhausted: the disk is full.
    """
    environment = await requirements.install(installed, (), (*BESIDE_FRAMEWORK, *LIMITS), work=work, log=log)
    layers = [path for path in environment.import_path if path not in installed.import_path]
    if not layers:
        return None
    async with store.building(_folder_name(installed), lambda: None) as (folder, _):
        python = ".".join(map(str, sys.version_info[:3]))
        count = len(list(Distributions(layers)))
        record = Record(IMAGE, python, f"{count} packages of Google's images", layer=str(layers[0]))
        return store.finish(folder, record)


def _folder_name(installed: Runtime) -> str:
    """By what is installed: another state of the environment needs another layer."""
    content = "\n".join(Distributions(installed.site).freeze())
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{IMAGE}-py{OWN_PYTHON}-{digest}"
