"""Marks tests with their tox environment; fixtures of ``QuickGoogle``."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from integration.quick_google import QuickGoogle


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("test_clients_") or item.path.parent.name == "serve":
            item.add_marker("clients")
        elif item.path.name.startswith("test_gcp_"):
            item.add_marker("google")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def google() -> "AsyncIterator[QuickGoogle]":
    # Imported here: most tests do not need it.
    from integration.quick_google import QuickGoogle

    async with QuickGoogle() as google:
        yield google
        assert google.faults.clear() == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run's data and package."""
    from integration.google_runs import prepared

    with prepared(tmp_path_factory.mktemp("run")) as folder:
        yield folder
