"""Divides records into batches, whose rows succeed or fail together. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from cloud.engine.batch_prediction.instances import Batch, Convert, failed
from cloud.engine.batch_prediction.readers import Records, TooLarge, UnreadableError

MAX_BATCH = 8 * 1024 * 1024
"""Bytes of records in a batch of several: a batch that would have more is divided."""


def batches(lists: Iterable[Records], convert: Convert, size: int) -> Iterator[Batch | None]:
    """The batches of a file, and Nones, where there is time for other work.

    Args:
        size: rows of a batch.

    Raises:
        UnreadableError: after the batches of the records before the damage.
    """
    left: list[bytes] = []
    try:
        for records in lists:
            if isinstance(records, TooLarge):
                yield from _converted(left, convert)
                yield failed(1, too_large(records.size))
                left = []
                continue
            left += records
            whole = len(left) - len(left) % size
            for start in range(0, whole, size):
                yield from _converted(left[start : start + size], convert)
            left = left[whole:]
            yield None
    except UnreadableError:
        yield from _converted(left, convert)
        raise
    yield from _converted(left, convert)


def _converted(records: Sequence[bytes], convert: Convert) -> Iterator[Batch]:
    if sum(map(len, records)) <= MAX_BATCH:
        if records:
            yield convert(records)
        return
    part: list[bytes] = []
    size = 0
    for record in records:
        if part and size + len(record) > MAX_BATCH:
            yield convert(part)
            part, size = [], 0
        part.append(record)
        size += len(record)
    yield convert(part)


def too_large(size: int) -> str:
    return f"The instance is too large: {size} bytes, where a request to the model has at most 32 MiB."
