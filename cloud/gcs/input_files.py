"""Finds the input files of a batch prediction job."""

from collections.abc import Awaitable, Callable, Sequence

from cloud.errors import InvalidArgument, NotFound
from cloud.names import GsUri
from cloud.resources import Service, StoredObject
from cloud.resources.batch_prediction import BatchPredictionSpec

ListObjects = Callable[[GsUri], Awaitable[Sequence[StoredObject]]]


async def find_inputs(spec: BatchPredictionSpec, list_objects: ListObjects) -> list[GsUri]:
    """The files, each once.

    Raises:
        NotFound: no file matches one of the paths.
        CloudError: of ``list_objects``.
    """
    found: dict[GsUri, None] = {}
    for uri in spec.input_uris:
        matching = [stored.uri for stored in await list_objects(uri) if _is_input(uri, stored.uri)]
        if not matching:
            raise NotFound(f"No file matches {str(uri)!r}.")
        found |= dict.fromkeys(matching)
    return list(found)


def _is_input(uri: GsUri, found: GsUri) -> bool:
    """Not the placeholder of a folder, nor what is in a folder whose name was given."""
    return not found.path.endswith("/") and (uri.has_wildcard() or found == uri)


async def check_inputs(spec: BatchPredictionSpec, list_objects: ListObjects) -> None:
    """Raises:
    InvalidArgument: a path matches no file.
    CloudError: of ``list_objects``, if it is not that the bucket does not exist.
    """
    try:
        await find_inputs(spec, list_objects)
    except NotFound as error:
        is_vertex = spec.service is Service.VERTEX_AI
        field = "batch_prediction_job.input_config.gcs_source.uris" if is_vertex else "job.prediction_input.input_paths"
        raise InvalidArgument(error.message, field=field) from error
