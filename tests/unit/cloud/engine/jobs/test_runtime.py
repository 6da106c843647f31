import platform
from importlib import metadata

import pytest

from cloud.engine.jobs.runtime import remark
from cloud.names import GsUri
from cloud.resources import JobSpec


def spec(**given):
    return JobSpec("job", (GsUri("bucket", "trainer.tar.gz"),), "trainer.task", **given)


def test_nothing_is_said_to_who_asks_for_nothing():
    assert remark(spec()) is None


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"runtime_version": "1.8"}, "runtime version 1.8"),
        ({"runtime_version": "2.3", "python_version": "3.7"}, "runtime version 2.3 with Python 3.7"),
        ({"python_version": "3.7"}, "Python 3.7"),
    ],
)
def test_who_asks_for_a_version_is_told_what_there_is(given, asked):
    said = remark(spec(**given))
    assert said.startswith(f"The job asks for {asked} and runs in what is installed here: ")
    assert f"TensorFlow {metadata.version('tensorflow')} with Python {platform.python_version()}" in said
