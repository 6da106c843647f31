"""Which of tox's environments a test belongs to, by where it is."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("test_clients_") or item.path.parent.name == "serve":
            item.add_marker("clients")
        elif item.path.name.startswith("test_gcp_"):
            item.add_marker("google")
