"""Every chapter in English, with the emulated gcloud; with the real one, where it is installed, if LAB_GCLOUD=auto: it
takes two minutes more."""

import os
from pathlib import Path

import pytest

from cloud.settings import GcloudMode
from lab.whole import work_through

pytestmark = pytest.mark.timeout(900)


def test_the_whole_lab(tmp_path: Path) -> None:
    work_through(tmp_path, "en", gcloud=GcloudMode(os.environ.get("LAB_GCLOUD", "emulated")))
