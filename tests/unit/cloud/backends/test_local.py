"""``LocalBackend`` with an engine that fails."""

import errno
import sqlite3
from unittest import mock

import pytest

from cloud.backends.local import LocalBackend
from cloud.errors import CloudError, ResourceExhausted, Unavailable
from cloud.names import GsUri
from cloud.resources import TrainingSpec, VersionSpec


def sqlite_full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ResourceExhausted),
        (sqlite_full(), ResourceExhausted),
        (OSError(errno.EIO, "Input/output error"), Unavailable),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("submit_job", (TrainingSpec("j", (GsUri("bucket", "p.tar.gz"),), "x.task"),)),
        ("create_version", (VersionSpec("m", "v", GsUri("bucket", "export")),)),
        ("create_model", ("m",)),
        ("delete_model", ("m",)),
        ("delete_version", ("m", "v")),
        ("set_default_version", ("m", "v")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_errors_of_the_disk_become_those_of_the_specification(
    failure: Exception, expected: type[CloudError], method: str, given: tuple
) -> None:
    jobs, serving = mock.Mock(), mock.AsyncMock()
    jobs.submit.side_effect = failure
    getattr(serving, method).side_effect = failure
    backend = LocalBackend(
        project="p", region="us-central1", ml_service_account="a@b", storage=mock.Mock(), jobs=jobs, serving=serving
    )
    with pytest.raises(expected):
        await getattr(backend, method)(*given)
