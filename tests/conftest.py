"""Programs under test start as they would at a terminal, wherever the tests themselves were started."""

import signal


def pytest_configure() -> None:
    # Whoever runs the tests in the background may have had these ignored, and a child inherits that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
