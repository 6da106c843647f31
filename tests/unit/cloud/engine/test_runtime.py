import platform
from importlib import metadata

import pytest

from cloud.engine.runtime import check_runtime, installed_runtimes, runtime_notice
from cloud.errors import InvalidArgument

INSTALLED = f"TensorFlow {metadata.version('tensorflow')} with Python {platform.python_version()}"
RUNTIMES = {"2.21": frozenset({"3.11"})}


def test_nothing_is_said_to_who_asks_for_nothing():
    assert runtime_notice(None, None) is None


@pytest.mark.parametrize(
    ("runtime", "python", "asked"),
    [
        ("1.8", None, "runtime version 1.8"),
        ("2.3", "3.7", "runtime version 2.3 with Python 3.7"),
        (None, "3.7", "Python 3.7"),
    ],
)
def test_who_asks_for_a_version_is_told_what_there_is(runtime, python, asked):
    said = runtime_notice(runtime, python)
    assert said == f"The job asks for {asked} and runs in what is installed here: {INSTALLED}."
    with pytest.raises(InvalidArgument, match=f"{asked} is not what is installed here, {INSTALLED}: ask for") as caught:
        check_runtime(runtime, python, RUNTIMES, "version.runtime_version")
    assert caught.value.field == "version.runtime_version"
    check_runtime(runtime, python, None, "any runs")


@pytest.mark.parametrize(
    ("runtime", "python"), [("2.21", "3.11"), ("2.21", None), (None, "3.11"), (None, None)], ids=str
)
def test_what_is_there_is_let_through(runtime, python):
    check_runtime(runtime, python, RUNTIMES, "runtime_version")


@pytest.mark.parametrize(("runtime", "python"), [("2.21", "3.12"), ("2.2", "3.11"), ("2.21.0", None)])
def test_both_must_be_there(runtime, python):
    with pytest.raises(InvalidArgument):
        check_runtime(runtime, python, RUNTIMES, "runtime_version")


def test_what_is_installed_is_named_by_two_numbers():
    ((runtime, pythons),) = installed_runtimes().items()
    assert metadata.version("tensorflow").startswith(f"{runtime}.")
    assert [platform.python_version().startswith(f"{python}.") for python in pythons] == [True]
