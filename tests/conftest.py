"""Signal handling of programs under test, their store of runtimes, Hypothesis's profile, and the order of test files.

``HYPOTHESIS_PROFILE=default pytest ...`` tries more examples than the quick profile, the default here.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: the time of an example depends on the machine's other load.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# The sample trainer is imported from the checkout: installed, it is data of ``cloud``. At the end of the path, because
# ``cloud`` is tested as it is installed.
sys.path.append(str(Path(__file__).parents[1]))


def pytest_configure() -> None:
    # No test asks a package index by accident, or writes to the user's store. Tests of pytest-xdist share a store.
    os.environ["UV_OFFLINE"] = "1"
    if "CLOUD_RUNTIMES" not in os.environ:
        store = os.environ["CLOUD_RUNTIMES"] = tempfile.mkdtemp(prefix="test-runtimes-")
        atexit.register(shutil.rmtree, store, ignore_errors=True)
    # Programs under test start as at a terminal: a shell that runs the tests in the background may ignore signals, and
    # children inherit that. Python itself ignores SIGPIPE and SIGXFSZ, in every process.
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


TESTS = Path(__file__).parent
LONGEST = [
    TESTS / path
    for path in (
        "unit/trainer/test_model.py",
        "security/test_other_users.py",
        "security/test_web_pages.py",
        "integration/test_run.py",
        "integration/test_lab_checks.py",
        "integration/kill/test_kill.py",
        "integration/test_local_backend.py",
        "integration/test_trainer_task.py",
        "integration/serving/test_versions.py",
        "integration/test_packages.py",
        "integration/test_gcp_same_results.py",
        "integration/test_gcp_vertex_ai.py",
        "integration/test_gcp_ml_engine.py",
        "integration/test_clients_storage.py",
        "integration/test_clients_aiplatform.py",
        "integration/test_clients_tensorflow.py",
        "integration/serve/test_command.py",
        "integration/test_readme.py",
        "integration/test_clients_logging.py",
        "integration/serve/test_server.py",
    )
]
"""The slowest test files, the slowest first within each of tox's environments."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # pytest-xdist gives two processes whole files, in this order: a slow one at the end would leave the other idle.
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST))
