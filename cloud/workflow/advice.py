"""What a user can do about a step that failed. Pure."""

import re

_BY_STEP = {
    "bucket": "choose another name with --bucket.",
    "data": "check --data-dir, or leave it out to use sample data.",
    "package": "check --package-path: it names the folder that holds __init__.py.",
    "train": "read the job's log above; its last lines say where the trainer stopped.",
    "deploy": "check that the trainer exports a SavedModel with a serving signature below {output}.",
    "predict": "compare the instances with the inputs of the model's signature; --json-instances has one JSON instance "
    "a line.",
}
_BY_LINE = (
    # What parsers of arguments (argparse, absl, click) print.
    (
        re.compile(r"\b(unrecognized|unknown|unexpected|no such option)\b.*\bjob-dir\b", re.IGNORECASE),
        "this trainer takes no --job-dir: say --no-job-dir, and give {output} to the argument it takes.",
    ),
    # What TensorFlow 2 no longer has: names of TensorFlow 1 without compat.v1.
    (
        re.compile(
            r"module 'tensorflow' has no attribute '(app|contrib|flags|gfile|global_variables_initializer|layers|"
            r"logging|placeholder|python_io|random_uniform|reset_default_graph|Session|set_random_seed|to_float|"
            r"truncated_normal|variable_scope)'|No module named 'tensorflow\.(contrib|examples)"
        ),
        "this trainer is written for TensorFlow 1: say --runtime-version 1.15.",
    ),
    # What ended with Keras 2 and TensorFlow 2.15.
    (
        re.compile(
            r"No module named 'tensorflow\.(keras\.layers\.experimental|estimator)|"
            r"module '\S*tensorflow\S*' has no attribute '(estimator|DenseFeatures)'|"
            r"module '\S*keras\S*' has no attribute '(experimental|DenseFeatures|wrappers)'"
        ),
        "this trainer is written for Keras 2, which ends with TensorFlow 2.15: say --runtime-version 2.11.",
    ),
)


def advice_on(step: str) -> str:
    """What to do if ``step`` fails."""
    return _BY_STEP.get(step, "the message above says what is wrong.")


def advice_on_line(line: str) -> str | None:
    """What to do if a job fails that wrote ``line`` to its log; None if the line says nothing of that kind."""
    return next((advice for pattern, advice in _BY_LINE if pattern.search(line)), None)
