"""Finds the model that a job exported, and says what was found where there is none."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cloud.backends.base import Backend
from cloud.errors import NotFound
from cloud.names import GsUri
from cloud.resources import Framework, Job, StoredObject
from cloud.wire.model_files import MODEL_FILES, SAVED_MODEL_FILES, keras_hint, model_hint

_LIST_SECONDS = 10.0
"""A bucket with so many objects that listing them takes longer is not searched to its end."""
_OWN_FILES = {
    Framework.XGBOOST: set(MODEL_FILES[Framework.XGBOOST]) - set(MODEL_FILES[Framework.SCIKIT_LEARN]),
    Framework.SCIKIT_LEARN: set(MODEL_FILES[Framework.SCIKIT_LEARN]),
}
"""Files that tell the framework: what XGBoost pickles has scikit-learn's names."""


@dataclass(frozen=True, slots=True)
class Export:
    """A model that a job exported."""

    folder: GsUri
    framework: Framework = Framework.TENSORFLOW


async def newest_export(backend: Backend, job: Job, output: GsUri) -> Export:
    """The newest SavedModel below ``output``; without one the newest model of scikit-learn or XGBoost.

    Raises:
        NotFound: there is none; says what was looked for, and what was found.
    """
    below = await backend.list_objects(output.as_folder())
    if found := newest(below):
        return Export(found)
    for framework in (Framework.XGBOOST, Framework.SCIKIT_LEARN):  # the first by what only XGBoost writes
        if found := newest(below, _OWN_FILES[framework]):
            return Export(found, framework)
    elsewhere = None
    with suppress(TimeoutError):
        async with asyncio.timeout(_LIST_SECONDS):
            everything = await backend.list_objects(GsUri(output.bucket))
            elsewhere = newest(item for item in everything if item.update_time >= job.create_time)
    raise NotFound(_explain(output, below, elsewhere))


def newest(objects: Iterable[StoredObject], names: Collection[str] = SAVED_MODEL_FILES) -> GsUri | None:
    """The newest of the folders that hold one of ``names``, a SavedModel's; None if there is none.

    Exporters name folders beside each other by number, a time or a step: of those the highest number is the newest
    (the lab's "ls … | tail -1" takes 9 for newer than 10). Others are compared by the time at which they were written.
    """
    latest: dict[str, StoredObject] = {}
    for item in objects:
        if item.uri.name in names:
            parent = _folder(item).path.rpartition("/")[0]
            latest[parent] = max(latest.get(parent, item), item, key=_place_among_siblings)
    if not latest:
        return None
    return _folder(max(latest.values(), key=lambda item: (item.update_time, item.uri.path)))


def _place_among_siblings(item: StoredObject) -> tuple[bool, int, object, str]:
    name = _folder(item).name
    is_number = name.isascii() and name.isdecimal()
    return is_number, int(name) if is_number else 0, item.update_time, name


def _folder(item: StoredObject) -> GsUri:
    return GsUri(item.uri.bucket, item.uri.path.rpartition("/")[0])


def _explain(output: GsUri, below: Sequence[StoredObject], elsewhere: GsUri | None) -> str:
    looked = f"the job exported no SavedModel: no folder below {output}/ holds a {SAVED_MODEL_FILES[0]}."
    names = [item.uri.path.removeprefix(f"{output.path}/") for item in below if not item.uri.path.endswith("/")]
    if hint := keras_hint(names) or model_hint(Framework.XGBOOST, names):
        return looked + hint
    if elsewhere is not None:
        return (
            f"{looked} {elsewhere} was written while the job ran: if it is this job's, let the trainer write it below "
            "{output} or its --job-dir"
        )
    if not names:
        return (
            f"{looked} The job wrote nothing there at all, and its disk is gone: pass {{output}} in the trainer's "
            "arguments, or let it write to its --job-dir"
        )
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{looked} It holds {shown}"
