"""The check of an exported model before a deployment that bills, in a process of its own."""

import importlib.util
from pathlib import Path

import pytest

from cloud.errors import FailedPrecondition
from cloud.workflow.google.model_check import check_saved_model

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_model_that_can_be_served(kinds: Path) -> None:
    assert await check_saved_model(kinds / "keras_in_module_mended") == "it was loaded and called here first"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("keras_in_module", "reads 2 variables that the SavedModel does not restore"),
        ("table_without_initializer", "Table not initialized"),
    ],
)
async def test_a_model_that_google_would_deploy_in_vain(kinds: Path, name: str, text: str) -> None:
    with pytest.raises(FailedPrecondition, match=text):
        await check_saved_model(kinds / name)


async def test_nothing_is_checked_without_tensorflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert await check_saved_model(tmp_path) == "it was not checked here, where TensorFlow is not installed"
