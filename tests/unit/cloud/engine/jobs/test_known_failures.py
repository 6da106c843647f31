"""What to do about failures of programs for another TensorFlow, or that read the buckets of others."""

import pytest

from cloud.engine.jobs.known_failures import explain_gcs_folder, explain_known_failure

TRACEBACK = """The replica master 0 exited with a non-zero status of 1.
Traceback (most recent call last):
  File "task.py", line 1, in <module>
    something
{}"""
KERAS_2 = "or set TF_USE_LEGACY_KERAS=1"


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        ("AttributeError: module 'tensorflow' has no attribute 'logging'", "request runtime version 1.15"),
        ("AttributeError: module 'tensorflow' has no attribute 'Session'. Did you mean: 'version'?", "version 1.15"),
        ("ModuleNotFoundError: No module named 'tensorflow.contrib'", "--runtime-version 1.15"),
        ("AttributeError: module 'tensorflow' has no attribute 'estimator'", "ended with TensorFlow 2.15"),
        ("AttributeError: module 'tensorflow._api.v2.compat.v1' has no attribute 'estimator'", "version 2.11"),
        ("AttributeError: module 'keras._tf_keras.keras' has no attribute 'estimator'", "version 2.11"),
        ("ModuleNotFoundError: No module named 'tensorflow.estimator'", "version 2.11"),
        ("ImportError: cannot import name 'estimator' from 'tensorflow' (/site/tensorflow/__init__.py)", "2.11"),
        ("ModuleNotFoundError: No module named 'tensorflow.keras.layers.experimental'", KERAS_2),
        ("ModuleNotFoundError: No module named 'tensorflow.keras.wrappers.scikit_learn'", KERAS_2),
        ("ModuleNotFoundError: No module named 'keras.layers.core'", KERAS_2),
        ("ImportError: cannot import name 'np_utils' from 'tensorflow.keras.utils' (/site/x.py)", KERAS_2),
        ("AttributeError: module 'keras._tf_keras.keras.layers' has no attribute 'DenseFeatures'", KERAS_2),
        ("AttributeError: 'Sequential' object has no attribute 'fit_generator'", KERAS_2),
        ("ValueError: Invalid filepath extension for saving. Please add either a `.keras` extension for", KERAS_2),
        ("ValueError: The filepath provided must end in `.keras` (Keras model format). Received: filepath=x", KERAS_2),
        (
            "ValueError: When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
            "`.weights.h5` (Keras weights format).",
            KERAS_2,
        ),
        ("ValueError: Argument(s) not recognized: {'lr': 0.1}", KERAS_2),
        ("ImportError: `keras.optimizers.legacy` is not supported in Keras 3. When using `tf.keras`", KERAS_2),
        ("TypeError: TensorFlowTrainer.fit() got an unexpected keyword argument 'workers'", KERAS_2),
    ],
)
def test_programs_for_another_tensorflow(error: str, mend: str) -> None:
    output = TRACEBACK.format(error)

    assert mend in (explain_known_failure(output, requests_version=False) or "")
    assert explain_known_failure(output, requests_version=True) is None


@pytest.mark.parametrize(
    "error",
    [
        "tensorflow.python.framework.errors_impl.NotFoundError: Error executing an HTTP request: HTTP response "
        """code 404 with '{"error": {"message": "The specified bucket does not exist: 'public-data'"}}'\n"""
        "\t when reading gs://public-data/x.csv",
        "google.api_core.exceptions.NotFound: 404 GET http://127.0.0.1:1/storage/v1/b/public-data?prettyPrint=false: "
        "The specified bucket does not exist: 'public-data'",
        "Exception: URL fetch failure on https://storage.googleapis.com/public-data/mnist.npz: 404 -- Not Found",
        "BucketNotFoundException: 404 gs://public-data bucket does not exist.\nsubprocess.CalledProcessError: Command",
    ],
)
@pytest.mark.parametrize("requests_version", [True, False])
def test_buckets_that_are_not_here(error: str, requests_version: bool) -> None:
    mend = explain_known_failure(TRACEBACK.format(error), requests_version=requests_version) or ""

    assert "The bucket public-data is not in this cloud" in mend
    assert "gsutil mb gs://public-data" in mend
    assert "{data}/FILE" in mend


@pytest.mark.parametrize(
    "error",
    [
        "AttributeError: module 'tensorflow' has no attribute 'fucntion'",
        "ImportError: cannot import name 'Dence' from 'keras.layers' (/site/keras/layers/__init__.py)",
        "ModuleNotFoundError: No module named 'pandas'",
        "ValueError: The file must end in .csv",
        "",
    ],
)
def test_of_other_failures_nothing_is_said(error: str) -> None:
    assert explain_known_failure(TRACEBACK.format(error), requests_version=False) is None


@pytest.mark.parametrize(
    "output",
    [
        "PermissionError: [Errno 13] Permission denied: '/gcs/b/x'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/gcs/b/x'",
        "OSError: [Errno 30] Read-only file system: '/gcs/b/x'",
        "tensorflow.python.framework.errors_impl.NotFoundError: /gcs/b/x; No such file or directory",
        "mkdir: cannot create directory '/gcs/b/x': Permission denied",
    ],
)
def test_a_program_without_its_gcs_folder_is_told_gs(output: str) -> None:
    mend = explain_gcs_folder(f"Traceback (most recent call last):\n{output}")
    assert mend is not None
    assert "gs://b/x" in mend


def test_other_files_are_not_in_it() -> None:
    assert explain_gcs_folder("FileNotFoundError: [Errno 2] No such file or directory: '/data/gcs/b'") is None
