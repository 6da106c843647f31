"""A plugin of pytest for tests that others wrote: those in ``out_of_scope.txt`` must fail, all others must pass.

A test that is skipped, where it is not in the list, fails: nothing is left out unseen.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("out_of_scope.txt")


def read_list(text: str) -> dict[str, str]:
    """The feature for the want of which a test fails, by a pattern of the test's name (``test_blob.py::test_x``).

    Raises:
        ValueError: a line is repeated, or stands before the first feature.
    """
    listed: dict[str, str] = {}
    feature = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            feature = line[1:-1]
        elif line and not line.startswith("#"):
            if not feature or line in listed:
                raise ValueError(f"{line}: repeated, or of no feature")
            listed[line] = feature
    return listed


def feature_of(name: str, listed: Mapping[str, str]) -> str | None:
    return next((feature for pattern, feature in listed.items() if fnmatch.fnmatchcase(name, pattern)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    listed = read_list(LIST.read_text())
    for item in items:
        if feature := feature_of(_name(item), listed):
            item.add_marker(pytest.mark.xfail(reason=feature, strict=True))
    names = {_name(item) for item in items}
    files = {name.partition("::")[0] for name in names}
    gone = [pattern for pattern in listed if pattern.partition("::")[0] in files and not fnmatch.filter(names, pattern)]
    if gone and len(files) > 1:
        raise pytest.UsageError(f"{LIST.name} lists what does not exist: {', '.join(gone)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    is_listed = item.get_closest_marker("xfail") is not None
    style = item.config.option.tbstyle
    if is_listed:
        # For others pytest parses the source of each frame, in which CPython 3.11 has ended a process of many threads
        # (SystemError: AST constructor recursion depth mismatch). Nobody reads the tracebacks of these.
        item.config.option.tbstyle = "line"
    try:
        report = yield
    finally:
        item.config.option.tbstyle = style
    if report.skipped and not is_listed and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped, and not in {LIST.name}: {report.longrepr}"
    return report


def _name(item: pytest.Item) -> str:
    # Without its parameters, which may hold anything.
    return item.nodeid.partition("[")[0].rpartition("/")[2]
