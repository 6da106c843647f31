from pathlib import Path

import pytest

from cloud.engine.launch.start_variables import read_at_import, read_at_start

COLD = [
    *("PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONMALLOC", "LANG", "LC_ALL"),
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "SETUPTOOLS_USE_DISTUTILS"),
    *("KERAS_BACKEND", "KERAS_HOME", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS"),
    *("OMP_NUM_THREADS", "KMP_AFFINITY", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPY_PROMOTION_STATE"),
    *("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "GRPC_VERBOSITY", "GCS_READ_CACHE_MAX_SIZE_MB"),
    "HDF5_USE_FILE_LOCKING",
]
WARM = [
    *("PYTHONPATH", "PYTHONUNBUFFERED", "HOME", "TMPDIR", "TZ", "TF_CONFIG", "AIP_MODEL_DIR", "CUDA_VISIBLE_DEVICES"),
    *("TF_USE_LEGACY_KERAS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_DETERMINISTIC_OPS"),
    *("LEARNING_RATE", "MY_OMP_NUM_THREADS", "LANGUAGE_MODEL", "GCS_BUCKET"),
]


@pytest.mark.parametrize("name", COLD)
def test_read_at_start(name: str) -> None:
    assert read_at_start([name]) == [name]


def test_heeded_by_a_warm_process() -> None:
    assert read_at_start(WARM) == []


def test_names_are_in_order() -> None:
    assert read_at_start(["XLA_FLAGS", "A", "KERAS_BACKEND", "XLA_FLAGS"]) == ["KERAS_BACKEND", "XLA_FLAGS"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("os.environ['KERAS_BACKEND'] = 'jax'", ["KERAS_BACKEND"]),
        ('os.environ.setdefault("XLA_FLAGS", ""); os.putenv("OMP_NUM_THREADS", "1")', ["OMP_NUM_THREADS", "XLA_FLAGS"]),
        ("os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'; os.environ['TF_USE_LEGACY_KERAS'] = '1'", []),
        ("os.environ['PYTHONHASHSEED'] = '0'", []),
        ("OMP_NUM_THREADS = 3; x['NOT_KERAS_BACKEND']; 'KERAS_BACKEND is read'", []),
    ],
)
def test_variables_that_a_program_names(tmp_path: Path, source: str, names: list[str]) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer/task.py").write_bytes(f"# \xff\nimport os\n{source}\n".encode("latin-1"))
    (tmp_path / "notes.txt").write_text("'KERAS_BACKEND'")

    assert read_at_import(tmp_path) == names
