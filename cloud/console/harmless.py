"""Lines that TensorFlow prints where there is no GPU, or on any processor, and that mean nothing is wrong. Pure.

They come on stderr, so that logs show them as errors, and a new user takes them for the reason of whatever goes wrong.
Sources: ``xla/stream_executor/cuda``, ``tensorflow/core/platform/cpu_feature_guard.cc``,
``tensorflow/core/util/port.cc`` and ``tensorflow/compiler/tf2tensorrt`` of TensorFlow 2.1 to 2.21.
"""

import re

_HARMLESS = re.compile(
    r"failed call to cuInit"
    r"|Unable to register cu(?:FFT|DNN|BLAS) factory"
    r"|computation placer already registered"
    r"|Could not find cuda drivers on your machine"
    r"|Could not load dynamic library '(?:libcu|libnv|libcudnn)"
    r"|Ignore above cudart dlerror"
    r"|Cannot dlopen some (?:GPU|TensorRT) libraries"
    r"|Could not find TensorRT"
    r"|Skipping registering GPU devices"
    r"|cuda_diagnostics\.cc"
    r"|oneDNN custom operations are on"
    r"|cpu_feature_guard\.cc"
    r"|To enable the following instructions: .*rebuild TensorFlow"
    r"|All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    r"|kernel driver does not appear to be running on this host"
    r"|None of the MLIR [Oo]ptimization [Pp]asses are enabled"
    r"|MLIR V1 optimization pass is not enabled"
)


def is_harmless(line: str) -> bool:
    return _HARMLESS.search(line) is not None
