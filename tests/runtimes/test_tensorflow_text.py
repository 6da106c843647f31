"""A model with operations of tensorflow-text, which TensorFlow Serving has built in."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from cloud.engine.launch.client import Launcher
from cloud.lifecycle import VersionState
from cloud.resources import Version
from cloud.settings import LauncherKind, whole_environ
from integration.serving.clouds import ENVIRON, Cloud, deploy

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tensorflow-text for the installed TensorFlow."""
    folder = tmp_path_factory.mktemp("library")
    wanted = "tensorflow-text=={}.{}.*".format(*version("tensorflow").split("."))
    environ = {name: value for name, value in whole_environ().items() if name != "UV_OFFLINE"}
    argv = ["uv", "pip", "install", "-q", "--python", sys.executable, "--no-deps", "--target", str(folder), wanted]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True)
    if "no wheels" in done.stderr:
        pytest.skip(f"there is no {wanted} for this machine: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def models(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    maker = Path(__file__).with_name("models_of_tensorflow_text.py")
    environ = ENVIRON | {"PYTHONPATH": str(library)}
    done = subprocess.run([sys.executable, maker, folder], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


async def serve(state: Path, models: Path, python_path: str) -> tuple[Version, list[object]]:
    """The version that becomes of the model, and what it predicts."""
    launcher = Launcher(LauncherKind.COLD)
    try:
        async with Cloud(state, launcher, models).service(environ=ENVIRON | {"PYTHONPATH": python_path}) as service:
            version = await deploy(service, "words", "v1", "words")
            if version.state is not VersionState.READY:
                return version, []
            return version, await service.predict("words", ["one two three", ""], version="v1")
    finally:
        await launcher.close()


async def test_it_is_served_where_tensorflow_text_is_installed(library: Path, models: Path, tmp_path: Path) -> None:
    served, predictions = await serve(tmp_path, models, str(library))
    assert (served.state, served.error_message) == (VersionState.READY, "")
    assert predictions == [{"words": 3}, {"words": 0}]


async def test_it_is_refused_in_words_where_it_is_not(models: Path, tmp_path: Path) -> None:
    refused, _ = await serve(tmp_path, models, os.devnull)
    assert refused.state is VersionState.FAILED
    assert (
        "it uses TFText>WhitespaceTokenizeWithOffsetsV2 of tensorflow-text, which TensorFlow" in refused.error_message
    )
    assert "pip install tensorflow-text to serve it here." in refused.error_message
