"""Which of tox's environments a test belongs to, by its file's name."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("test_clients_"):
            item.add_marker("clients")
        elif item.path.name.startswith("test_gcp_"):
            item.add_marker("google")
