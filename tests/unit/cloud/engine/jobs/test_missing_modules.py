"""What to do about a module that a job did not find."""

import pytest

from cloud.engine.jobs.missing_modules import explain_missing_module

TRACEBACK = """The replica master 0 exited with a non-zero status of 1.
Traceback (most recent call last):
  File "task.py", line 1, in <module>
    import something
{}"""


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        ("ModuleNotFoundError: No module named 'sklearn'", "hold sklearn (of scikit-learn)"),
        ("ModuleNotFoundError: No module named 'xgboost.core'", "python -m cloud.runtimes add image"),
        ("ImportError: cannot import name 'storage' from 'google.cloud' (unknown location)", "of google-cloud-storage"),
        ("ModuleNotFoundError: No module named 'aiohttp'", "declare aiohttp in the requirements of the job's package"),
        ("ModuleNotFoundError: No module named 'cloud.errors'", "cloud.errors is a module of this project"),
        ("ImportError: `Import fsspec` failed.  Use pip or conda to install the fsspec package.", "declare gcsfs in"),
        ("ImportError: Missing optional dependency 'fsspec'.  Use pip or conda to install", "declare gcsfs in"),
    ],
)
def test_the_mend_is_named(error: str, mend: str) -> None:
    assert mend in (explain_missing_module(TRACEBACK.format(error)) or "")


@pytest.mark.parametrize(
    "error",
    [
        "ModuleNotFoundError: No module named 'my_own_helper'",
        "ModuleNotFoundError: No module named 'tensorflow.contrib'",
        "ImportError: cannot import name 'x' from 'sklearn' (/site/sklearn/__init__.py)",
        "ValueError: No module named 'sklearn'",
        "python3: No module named trainer",
        "",
    ],
)
def test_of_other_failures_nothing_is_said(error: str) -> None:
    assert explain_missing_module(TRACEBACK.format(error)) is None


def test_the_last_error_is_the_one_that_counts() -> None:
    first = "ModuleNotFoundError: No module named 'sklearn'"
    then = "During handling of the above exception, another exception occurred:"
    output = TRACEBACK.format(f"{first}\n\n{then}\nModuleNotFoundError: No module named 'pandas'")

    assert "pandas" in (explain_missing_module(output) or "")


@pytest.mark.parametrize(
    ("error", "holds_packages", "mend"),
    [
        # Of an image with a Python and no packages, such as python:3.10, Google's have nothing to say.
        ("ModuleNotFoundError: No module named 'numpy'", False, "The image does not hold numpy: add `RUN pip install"),
        ("ModuleNotFoundError: No module named 'tensorflow'", False, "add `RUN pip install tensorflow` to its Docker"),
        ("ModuleNotFoundError: No module named 'sklearn'", False, "`RUN pip install scikit-learn`"),
        ("ModuleNotFoundError: No module named 'sklearn'", True, "python -m cloud.runtimes add image"),
        ("ModuleNotFoundError: No module named 'aiohttp'", True, "job's runtime: add `RUN pip install aiohttp` to its"),
        ("ImportError: `Import fsspec` failed.  Use pip or conda to install", True, "add `RUN pip install gcsfs` to"),
    ],
)
def test_the_mend_of_an_image(error: str, holds_packages: bool, mend: str) -> None:
    said = explain_missing_module(TRACEBACK.format(error), is_image=True, holds_packages=holds_packages)
    assert mend in (said or "")
