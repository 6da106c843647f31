import platform
from importlib import metadata

import pytest

from cloud.engine.runtime import check_runtime, installed_runtimes, runtime_notice
from cloud.errors import InvalidArgument

INSTALLED = f"TensorFlow {metadata.version('tensorflow')} with Python {platform.python_version()}"
RUNTIMES = {"2.21": frozenset({"3.11"})}


def test_there_is_no_notice_for_a_job_that_requests_no_version():
    assert runtime_notice(None, None) is None


@pytest.mark.parametrize(
    ("runtime", "python", "requested"),
    [
        ("1.8", None, "runtime version 1.8"),
        ("2.3", "3.7", "runtime version 2.3 with Python 3.7"),
        (None, "3.7", "Python 3.7"),
    ],
)
def test_notice_and_error_name_the_requested_and_the_installed_versions(runtime, python, requested):
    notice = runtime_notice(runtime, python)
    assert notice == f"The job requests {requested}. It runs in what is installed here: {INSTALLED}."
    with pytest.raises(
        InvalidArgument, match=f"{requested} is not installed here, only {INSTALLED}: request"
    ) as caught:
        check_runtime(runtime, python, RUNTIMES, "version.runtime_version")
    assert caught.value.field == "version.runtime_version"
    check_runtime(runtime, python, None, "any runs")


@pytest.mark.parametrize(
    ("runtime", "python"), [("2.21", "3.11"), ("2.21", None), (None, "3.11"), (None, None)], ids=str
)
def test_available_versions_are_accepted(runtime, python):
    check_runtime(runtime, python, RUNTIMES, "runtime_version")


@pytest.mark.parametrize(("runtime", "python"), [("2.21", "3.12"), ("2.2", "3.11"), ("2.21.0", None)])
def test_both_versions_must_be_available(runtime, python):
    with pytest.raises(InvalidArgument):
        check_runtime(runtime, python, RUNTIMES, "runtime_version")


def test_installed_versions_have_two_numbers():
    ((runtime, pythons),) = installed_runtimes().items()
    assert metadata.version("tensorflow").startswith(f"{runtime}.")
    assert [platform.python_version().startswith(f"{python}.") for python in pythons] == [True]
