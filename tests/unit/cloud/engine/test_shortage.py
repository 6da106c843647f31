import errno
import os

import pytest

from cloud.engine.shortage import shortage


@pytest.mark.parametrize(
    ("code", "text"), [(errno.EMFILE, "ulimit -n"), (errno.EAGAIN, "ulimit -u"), (errno.ENOMEM, "memory")]
)
def test_what_is_used_up_is_named(code: int, text: str) -> None:
    error = shortage(OSError(code, os.strerror(code)))
    assert error is not None
    assert error.http_status == 503
    assert text in error.message


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "x"), ValueError("x"), OSError("without a number")])
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert shortage(error) is None
