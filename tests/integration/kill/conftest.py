from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from integration.kill.victims import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with closing(Server(tmp_path)) as server:
        yield server
