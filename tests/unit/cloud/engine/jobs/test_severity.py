import pytest

from cloud.engine.jobs.severity import severity_of
from cloud.resources.log_entries import Severity

NEW = "INTERNAL: CUDA error: Failed call to cuInit"
"""How TensorFlow 2.19 and later begin the reason."""


@pytest.mark.parametrize(
    ("stream", "text", "severity"),
    [
        ("stdout", "step 1/10", Severity.INFO),
        ("stderr", "Traceback (most recent call last):", Severity.ERROR),
        ("stderr", "WARNING:root:low disk", Severity.WARNING),
        ("stderr", "I0000 00:00:1795382689.461778    2361 port.cc:153] oneDNN", Severity.INFO),
        ("stderr", "2026-11-22 21:00:00.123456: W tensorflow/core/x.cc:1] odd", Severity.WARNING),
        ("stderr", "INFORMATION is not a prefix", Severity.ERROR),
        ("stderr", f"E0000 00:00:1.0 1 x.cc:5] failed call to cuInit: {NEW}: UNKNOWN ERROR (303)", Severity.INFO),
        ("stderr", "2026-01-01 21:00:00.1: E x.cc:27] failed call to cuInit: UNKNOWN ERROR (34)", Severity.INFO),
        ("stderr", "2026-01-01 21:00:00.1: E x.cc:27] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no", Severity.INFO),
        (
            "stderr",
            "2026-01-01 21:00:00.1: E x.cc:9] Unable to register cuDNN factory: Attempting to register "
            "factory for plugin cuDNN when one has already been registered",
            Severity.INFO,
        ),
        ("stderr", f"E0000 00:00:1.0 1 x.cc:5] failed call to cuInit: {NEW}: UNKNOWN ERROR (999)", Severity.ERROR),
        ("stderr", "2026-01-01 21:00:00.1: E x.cc:27] failed call to cuInit: CUDA_ERROR_UNKNOWN: x", Severity.ERROR),
        ("stderr", "RuntimeError: failed call to cuInit: UNKNOWN ERROR (303)", Severity.ERROR),
    ],
)
def test_severity_comes_from_the_lines_prefix_else_from_the_stream(stream: str, text: str, severity: Severity) -> None:
    assert severity_of(stream, text) is severity
