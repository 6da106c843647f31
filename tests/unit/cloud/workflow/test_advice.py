import pytest

from cloud.workflow.advice import advice_on, advice_on_line


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("task.py: error: unrecognized arguments: --job-dir gs://bkt/output", "--no-job-dir"),
        ("FATAL Flags parsing error: Unknown command line flag 'job-dir'. Did you mean: job_dir ?", "--no-job-dir"),
        ("Error: No such option: --job-dir Did you mean --job_dir?", "--no-job-dir"),
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
