"""What to do about failures of programs that are for another TensorFlow or read buckets of others. Pure."""

import re

_TENSORFLOW_1 = (
    "This program is written for TensorFlow 1: request runtime version 1.15 (with cloud.run: --runtime-version 1.15)."
)
_ESTIMATORS = (
    "This program uses what ended with TensorFlow 2.15: request runtime version 2.11 or an image of that version (with "
    "cloud.run: --runtime-version 2.11)."
)
_KERAS_2 = (
    "This program is written for Keras 2, which ended with TensorFlow 2.15: request runtime version 2.11 or an image "
    "of that version (with cloud.run: --runtime-version 2.11), or set TF_USE_LEGACY_KERAS=1 (with cloud.run: --env)."
)
_OLD_NAMES = (
    "app|contrib|flags|gfile|global_variables_initializer|layers|logging|placeholder|python_io|random_uniform|"
    "reset_default_graph|Session|set_random_seed|to_float|truncated_normal|variable_scope"
)
_KERAS_3 = (
    # Modules and names that it does not have.
    r"No module named '(?:tensorflow\.)?keras\.(?:engine|layers\.(?:core|experimental)|preprocessing\.text|wrappers)\b",
    r"cannot import name '(?:estimator|experimental|multi_gpu_model|np_utils|wrappers)' from '[\w.]*keras\b",
    r"module '\S*keras\S*' has no attribute '(?:DenseFeatures|experimental|multi_gpu_model|np_utils|wrappers)'",
    r"'\w+' object has no attribute '(?:(?:fit|predict|evaluate)_generator|predict_classes|reset_states)'",
    # Its own words.
    r"`keras\.optimizers\.legacy` is not supported in Keras 3",
    r"A KerasTensor cannot be used as input to a TensorFlow function",
    r"Argument\(s\) not recognized: \{'lr'",
    r"File format not supported: .* Keras 3 only supports",
    r"Invalid filepath extension for saving\. Please add either a `\.keras`",
    r"The `save_format` argument is deprecated in Keras 3",
    r".*[Tt]he file(?:path|name)(?: provided)? must end in `\.(?:keras|weights\.h5)`",
    r"Unrecognized keyword arguments passed to \w+: \{'batch_input_shape'",
    r"TensorFlowTrainer\.fit\(\) got an unexpected keyword argument '(?:max_queue_size|use_multiprocessing|workers)'",
)
# Compiled when a job has failed: that takes longer than importing the rest of most modules.
_BY_ERROR = tuple(
    (rf"^(?:\w+\.)*\w+Error: (?:{errors})", mend)
    for errors, mend in (
        (
            rf"module 'tensorflow' has no attribute '(?:{_OLD_NAMES})'|"
            r"No module named 'tensorflow\.(?:contrib|examples)",
            _TENSORFLOW_1,
        ),
        (
            r"module '\S*(?:tensorflow|keras)\S*' has no attribute 'estimator'|cannot import name 'estimator' from|"
            r"No module named 'tensorflow[._]estimator",
            _ESTIMATORS,
        ),
        ("|".join(_KERAS_3), _KERAS_2),
    )
)
_BUCKET = (
    r"The specified bucket does not exist: '([^']+)'|404 gs://(\S+) bucket does not exist\."
    r"|https://storage\.googleapis\.com/([a-z0-9._-]+)/\S+: 404\b"  # Keras's, of its datasets
)


_GCS_PATH = r"""(?<![\w/.-])(/gcs\b[^\s'":;]*)"""
_NO_FILE = "No such file or directory|Permission denied|Read-only file system"
_GCS_FOLDER = rf"""(?:{_NO_FILE})[^\n]*?{_GCS_PATH}|{_GCS_PATH}['"]?[;:] (?:{_NO_FILE})"""


def explain_gcs_folder(output: str) -> str | None:
    """What to do, if a program without ``/gcs`` fails because it uses it."""
    if match := re.search(_GCS_FOLDER, output):
        path = match[1] or match[2]
        return (
            f"{path} is in /gcs, where buckets are folders for jobs of Vertex AI only, and here only where the system "
            f"allows user namespaces and has a /dev/fuse that you may open: use gs://{path.removeprefix('/gcs').strip('/')}."
        )
    return None


def explain_known_failure(output: str, *, requests_version: bool) -> str | None:
    """What to do, if a program's ``output`` ends with a failure of a kind that is known.

    Args:
        requests_version: of the job, of TensorFlow: it has it, or its log says why not.
    """
    if match := re.search(_BUCKET, output):
        bucket = next(filter(None, match.groups()))
        return (
            f"The bucket {bucket} is not in this cloud, which has none of Google's public buckets, either. Make it "
            f"here (gsutil mb gs://{bucket}) and copy into it the files that the job reads, or have the job read them "
            "from a bucket of yours (with cloud.run: --data-dir FOLDER, and {data}/FILE in the trainer's arguments)."
        )
    if requests_version:
        return None
    return next((mend for pattern, mend in _BY_ERROR if re.search(pattern, output, re.MULTILINE)), None)
