"""Fixtures for the tests of any project: Google's clients in a test reach a local cloud, and no other.

    def test_my_upload(local_cloud):
        google.cloud.storage.Client().create_bucket("my-bucket")

One cloud serves the whole session. It is loaded and started by the first test that uses it.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cloud.server.thread import BackgroundCloud
    from cloud.settings import Settings
    from cloud.workflow.trainer_run import TrainerRun


@pytest.fixture(scope="session")
def local_cloud_settings() -> "Settings":
    """Settings of the session's cloud, from ``CLOUD_*`` variables. Override it in a conftest.py to change them."""
    from cloud.settings import Settings

    return Settings.from_environ()


@pytest.fixture(scope="session")
def local_cloud_session(local_cloud_settings: "Settings") -> "Iterator[BackgroundCloud]":
    """The session's cloud, for fixtures of a wider scope than one test. The environment is not changed."""
    from cloud.server.thread import BackgroundCloud

    with BackgroundCloud(local_cloud_settings) as cloud:
        yield cloud


_OF_DOCKER = "DOCKER_"
"""Suites that test with a cloud start databases in containers, too: their Docker stays their own."""


@pytest.fixture
def local_cloud(local_cloud_session: "BackgroundCloud", monkeypatch: pytest.MonkeyPatch) -> "Iterator[BackgroundCloud]":
    """The session's cloud; during the test this process's environment leads every client to it, as the owner.

    Faults and preemptions that have not occurred by the end of the test are removed: they must not affect the next one.
    """
    from cloud.gateway.environ import CONFLICTING

    for name in CONFLICTING:
        if not name.startswith(_OF_DOCKER):
            monkeypatch.delenv(name, raising=False)
    for name, value in local_cloud_session.environ.items():
        if not name.startswith(_OF_DOCKER):
            monkeypatch.setenv(name, value)
    yield local_cloud_session
    local_cloud_session.faults.clear()
    local_cloud_session.preemptions.clear()


@pytest.fixture
def run_trainer(local_cloud: "BackgroundCloud") -> "Callable[..., TrainerRun]":
    """Takes a trainer of yours through the whole workflow in the session's cloud: the package, the job, the deployed
    version, predictions.

        def test_my_trainer(run_trainer):
            run = run_trainer("mytrainer", module="mytrainer.task", json_instances=[{"x": 1.0}])
            [(instance, prediction)] = run.predictions

    Arguments and errors: ``cloud.workflow.trainer_run.run_trainer``.
    """
    from cloud.workflow import trainer_run

    def run(*args: Any, **options: Any) -> "TrainerRun":
        return local_cloud.run(trainer_run.run_trainer(local_cloud.backend, *args, **options))

    return run
