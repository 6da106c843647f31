"""Every chapter in Spanish, with the emulated gcloud."""

from pathlib import Path

import pytest

from cloud.settings import GcloudMode
from lab.whole import work_through

pytestmark = pytest.mark.timeout(900)


def test_the_whole_lab(tmp_path: Path) -> None:
    work_through(tmp_path, "es", gcloud=GcloudMode.EMULATED)
