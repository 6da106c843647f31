import pytest

from cloud.console.harmless import is_harmless


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-27 20:00:43.1 E external/local_xla/xla/stream_executor/cuda/cuda_platform.cc:51] failed call to "
        "cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)",
        "E0000 00:00:1795809 12 cuda_dnn.cc:8310] Unable to register cuDNN factory: Attempting to register factory",
        "I tensorflow/core/util/port.cc:153] oneDNN custom operations are on. You may see slightly different results",
        "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate "
        "compiler flags.",
        "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library "
        "'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    ],
)
def test_what_every_machine_without_a_gpu_prints(line: str) -> None:
    assert is_harmless(line)


@pytest.mark.parametrize(
    "line",
    [
        "ModuleNotFoundError: No module named 'tensorflow_hub'",
        "Could not load dynamic library 'libhdfs.so'",
        "ValueError: oneDNN",
        "loss = 3.2",
        "",
    ],
)
def test_what_may_be_the_reason_of_a_failure_is_not_folded(line: str) -> None:
    assert not is_harmless(line)
