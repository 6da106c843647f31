"""Which of tox's environments a test belongs to, by where it is; and Google's cloud where nothing takes its time."""

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
    # Imported here: most tests do without.
    from integration.quick_google import QuickGoogle

    async with QuickGoogle() as google:
        yield google
        assert google.faults.clear() == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a run's data and package."""
    from integration.trips import prepared

    with prepared(tmp_path_factory.mktemp("trip")) as folder:
        yield folder
