"""The severity of a line that a trainer writes. Pure."""

import re

from cloud.resources.log_entries import Severity

_PYTHON = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b[:\s]")
_TENSORFLOW = re.compile(r"(?:([IWEF])\d{4} \d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: ([IWEF]) )")
_LETTERS = {"I": Severity.INFO, "W": Severity.WARNING, "E": Severity.ERROR, "F": Severity.CRITICAL}
_WITHOUT_GPU = re.compile(
    # No libcuda (303), its stub (34), or no device (100), by the names and numbers of CUresult in cuda.h.
    r"failed call to cuInit: (?:INTERNAL: CUDA error: Failed call to cuInit: )?"
    r"(?:UNKNOWN ERROR \((?:34|100|303)\)|CUDA_ERROR_(?:STUB_LIBRARY|NO_DEVICE|SHARED_OBJECT_INIT_FAILED)\b)"
    # TensorFlow 2.13 to 2.19 link these twice (tensorflow/tensorflow#62075).
    r"|Unable to register cu(?:DNN|FFT|BLAS) factory: Attempting to register factory for plugin"
)
"""What TensorFlow's builds for GPUs log as errors wherever there is none. Google's images for CPUs have another build,
which does not write it."""


def severity_of(stream: str, text: str) -> Severity:
    """The severity in the line's prefix (of Python's or TensorFlow's logging), else INFO for stdout and ERROR for
    stderr, as the service classifies them. That there is no GPU is INFO."""
    if prefix := _PYTHON.match(text):
        return Severity(prefix[1])
    if prefix := _TENSORFLOW.match(text):
        severity = _LETTERS[prefix[1] or prefix[2]]
        return Severity.INFO if severity is Severity.ERROR and _WITHOUT_GPU.search(text) else severity
    return Severity.ERROR if stream == "stderr" else Severity.INFO


def is_tensorflow_log(text: str) -> bool:
    """Whether a line is TensorFlow's own logging, which goes to stderr and is hardly ever why a trainer failed."""
    return _TENSORFLOW.match(text) is not None
