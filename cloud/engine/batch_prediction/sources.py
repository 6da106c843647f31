"""Makes batches of an input file, as the job's specification says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from cloud.engine.batch_prediction import instances
from cloud.engine.batch_prediction.batches import MAX_BATCH, batches, too_large
from cloud.engine.batch_prediction.instances import BadInstanceError, Batch, Convert
from cloud.engine.batch_prediction.readers import MAX_RECORD, TooLarge, UnreadableError, read_records
from cloud.engine.serving.signatures import Signature
from cloud.errors import CloudError
from cloud.names import GsUri
from cloud.resources import Json, Service
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat

ReadObject = Callable[[GsUri], Awaitable[bytes]]
Source = Callable[[Path], AsyncIterator[Batch]]
"""The batches of a local file. Raises ``UnreadableError``."""


def source(spec: BatchPredictionSpec, signatures: Mapping[str, Signature], read_object: ReadObject) -> Source:
    """
    Args:
        signatures: of the model.
        read_object: reads a file of a list.

    Raises:
        PredictionFailed: the model has no signature of the specification's name.
    """
    form, config, size = spec.input_format, spec.instance_config, spec.batch_size
    if spec.service is Service.ML_ENGINE:
        return _by(instances.ml_engine_converter(form, signatures, spec.signature_name), form, size)
    match form:
        case InputFormat.CSV:
            return lambda path: _csv(path, config.key_field, size)
        case InputFormat.FILE_LIST:
            return lambda path: _files(path, read_object, size)
        case InputFormat.JSON_LINES:
            return _by(instances.vertex_lines(config), form, size)
    return _by(instances.vertex_bytes, form, size)


def _by(convert: Convert, form: InputFormat, size: int) -> Source:
    return lambda path: _paced(batches(read_records(path, form), convert, size))


async def _paced(batches: Iterator[Batch | None]) -> AsyncIterator[Batch]:
    for batch in batches:
        if batch is None:
            await asyncio.sleep(0)
        else:
            yield batch


async def _csv(path: Path, key_field: str, size: int) -> AsyncIterator[Batch]:
    lists = read_records(path, InputFormat.CSV)
    first = next((records for records in lists if records), None)
    if first is None:
        return
    if isinstance(first, TooLarge):
        raise UnreadableError(f"its header has {first.size} bytes")
    header, *rest = first
    try:
        convert = instances.vertex_csv(header, key_field)
    except BadInstanceError as error:
        raise UnreadableError(str(error)) from error
    async for batch in _paced(batches(chain([rest], lists), convert, size)):
        yield batch


async def _files(path: Path, read_object: ReadObject, size: int) -> AsyncIterator[Batch]:
    """The files that a list names, read one after the other: a batch of images is large."""
    rows: list[tuple[bytes, dict[str, Json]]] = []
    bytes_read = 0
    for records in read_records(path, InputFormat.FILE_LIST):
        if isinstance(records, TooLarge):
            yield instances.failed(1, too_large(records.size))
            continue
        for record in records:
            try:
                name = record.decode().strip()
                content = await read_object(GsUri.parse(name))
            except (CloudError, UnicodeDecodeError) as error:
                yield instances.failed(1, f"Cannot read {record[:300]!r}: {error}")
                continue
            if len(content) > MAX_RECORD:
                yield instances.failed(1, too_large(len(content)))
                continue
            if rows and bytes_read + len(content) > MAX_BATCH:
                yield _batch(rows)
                rows, bytes_read = [], 0
            rows.append(instances.vertex_file(name, content))
            bytes_read += len(content)
            if len(rows) == size:
                yield _batch(rows)
                rows, bytes_read = [], 0
    if rows:
        yield _batch(rows)


def _batch(rows: list[tuple[bytes, dict[str, Json]]]) -> Batch:
    return Batch(len(rows), [instance for instance, _ in rows], [given for _, given in rows])
