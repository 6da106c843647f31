"""``TensorFlowError``: how TensorFlow failed."""

NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 5, 7, 9, 12, 14, 16
"""Codes of ``TensorFlowError`` (tensorflow/c/tf_status.h), which are those of gRPC."""


class TensorFlowError(Exception):
    """TensorFlow failed.

    Args:
        code: one of gRPC's.
        message: TensorFlow's text, which may have several lines.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
