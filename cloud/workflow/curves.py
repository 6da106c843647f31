"""The curves of a run: what its trainer wrote for TensorBoard below the job's output."""

from collections.abc import Mapping, Sequence

from cloud.backends.base import Backend
from cloud.engine.tuning.metrics import read_events
from cloud.names import GsUri

Curves = Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]
"""By metric, and by folder below the output: steps and values."""
_MOST_FILES = 50
_MOST_BYTES = 64 << 20
"""Of files that are read: a trainer may write images for hours."""


async def read_curves(backend: Backend, output: GsUri) -> Curves:
    """Raises:
    CloudError: the output cannot be read.
    """
    files = [item for item in await backend.list_objects(output.as_folder()) if "tfevents" in item.uri.path]
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    room = _MOST_BYTES
    for item in files[:_MOST_FILES]:
        room -= item.size
        if room < 0:
            break
        folder = item.uri.path.removeprefix(output.as_folder().path).rpartition("/")[0]
        for each in read_events(await backend.read_object(item.uri))[0]:
            found.setdefault(each.name, {}).setdefault(folder, []).append((each.step, each.value))
    return {name: {folder: sorted(points) for folder, points in runs.items()} for name, runs in sorted(found.items())}
