"""Programs under test start as they would at a terminal, wherever the tests themselves were started.

``HYPOTHESIS_PROFILE=default pytest ...`` draws more often than the quick profile that is the default here.
"""

import os
import signal

from hypothesis import settings

# How long an example takes says more about what else the machine does than about what is tested.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure() -> None:
    # Whoever runs the tests in the background may have had signals ignored, and a child inherits that. Python itself
    # ignores SIGPIPE and SIGXFSZ, in every process.
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
