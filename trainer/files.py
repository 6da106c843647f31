"""Files by TensorFlow's file systems: local paths, `gs://`, and others that are registered."""

from typing import BinaryIO, cast

import tensorflow as tf


class TensorFlowFiles:
    """Implements `trainer.data.Files` by `tf.io.gfile`."""

    def matching(self, pattern: str) -> list[str]:
        try:
            return sorted(path for path in tf.io.gfile.glob(pattern) if not tf.io.gfile.isdir(path))
        except tf.errors.NotFoundError:  # a folder or bucket in the pattern
            return []
        except tf.errors.OpError as error:
            raise _as_os_error(error) from error

    def open(self, path: str) -> BinaryIO:
        return cast(BinaryIO, _File(path))


class _File:
    def __init__(self, path: str) -> None:
        self._file = tf.io.gfile.GFile(path, "rb")

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        try:
            return cast(bytes, self._file.read(size))
        except tf.errors.OpError as error:
            raise _as_os_error(error) from error

    def seek(self, offset: int, whence: int = 0) -> None:
        try:
            self._file.seek(offset, whence)
        except tf.errors.OpError as error:
            raise _as_os_error(error) from error

    def tell(self) -> int:
        return int(self._file.tell())


def _as_os_error(error: "tf.errors.OpError") -> OSError:
    """Convert an error of TensorFlow's file systems; the message is one line."""
    return OSError(str(error.message).partition("\n")[0])
