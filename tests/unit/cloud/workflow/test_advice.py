import pytest

from cloud.workflow.advice import advice_on, advice_on_line


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("task.py: error: unrecognized arguments: --job-dir gs://bkt/output", "--no-job-dir"),
        ("FATAL Flags parsing error: Unknown command line flag 'job-dir'. Did you mean: job_dir ?", "--no-job-dir"),
        ("Error: No such option: --job-dir Did you mean --job_dir?", "--no-job-dir"),
        ("AttributeError: module 'tensorflow' has no attribute 'logging'", "--runtime-version 1.15"),
        ("AttributeError: module 'tensorflow' has no attribute 'Session'", "--runtime-version 1.15"),
        ("ModuleNotFoundError: No module named 'tensorflow.contrib'", "--runtime-version 1.15"),
        ("ModuleNotFoundError: No module named 'tensorflow.keras.layers.experimental'", "--runtime-version 2.11"),
        ("AttributeError: module 'tensorflow' has no attribute 'estimator'", "--runtime-version 2.11"),
        (
            "AttributeError: module 'tensorflow._api.v2.compat.v2' has no attribute 'estimator'",
            "--runtime-version 2.11",
        ),
        ("AttributeError: module 'keras._tf_keras.keras.layers' has no attribute 'DenseFeatures'", "2.11"),
    ],
)
def test_a_known_line_has_its_mend(line: str, mend: str) -> None:
    assert mend in (advice_on_line(line) or "")


@pytest.mark.parametrize(
    "line",
    ["--job-dir gs://bkt/output", "module 'tensorflow' has no attribute 'fucntion'", "No module named 'pandas'", ""],
)
def test_other_lines_have_none(line: str) -> None:
    assert advice_on_line(line) is None


def test_every_step_has_advice() -> None:
    assert "--bucket" in advice_on("bucket")
    assert advice_on("clean up") == "the message above says what is wrong."
