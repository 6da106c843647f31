"""``python -m cloud.runtimes``, with an index on loopback."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK
from cloud.engine.runtimes.image_layer import image_layer
from cloud.engine.runtimes.store import Store
from cloud.engine.runtimes.view import view_of_installed
from cloud.runtimes.commands import main
from integration.package_index import PackageIndex, package_index, wheel

Cli = Callable[..., Result]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = ".".join(map(str, sys.version_info[:3]))


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(wheel("xgboost", "2.1.4"), *(wheel(name, "1.0") for name in BESIDE_FRAMEWORK)) as index:
        yield index


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def cli(index: PackageIndex, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.delenv("UV_OFFLINE", raising=False)
    for name, value in {
        "CLOUD_RUNTIMES": str(store),
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_DEFAULT_INDEX": index.url,
    }.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_a_runtime_is_added_listed_and_removed(cli: Cli, store: Path) -> None:
    image = "us-docker.pkg.dev/vertex-ai/prediction/xgboost-cpu.2-1:latest"
    added = cli("add", image)
    assert added.exit_code == 0, added.output
    folder = store / f"xgboost2.1-py{PYTHON}"
    assert re.search(
        rf"^xgboost2\.1 is ready: XGBoost 2\.1\.4, Python {VERSION}, \d+ MB, in {folder}\.$", added.output, re.M
    )
    assert "Resolved 22 packages" in added.output
    assert cli("add", "xgboost2.1").output.splitlines() == [added.output.splitlines()[-1]], "it is there"

    listed = cli("list").output.splitlines()
    assert listed[0].split()[:2] == ["installed", "ready"]
    assert re.fullmatch(rf"xgboost2\.1-py{PYTHON} +ready +\d+ MB  XGBoost 2\.1\.4, Python {VERSION}", listed[1])
    assert listed[2] == f"Store: {store}"

    (folder / "bin" / "python").unlink()
    assert "broken" in cli("list").output
    assert "its Python has gone: add it again" in cli("list").output
    assert cli("add", "xgboost2.1").exit_code == 0
    assert "ready" in cli("list").output.splitlines()[1]

    assert cli("remove", "xgboost2.1").output == f"Removed {folder}.\n"
    assert len(cli("list").output.splitlines()) == 2


def test_the_layer_image_brings_what_google_has_and_the_installed_environment_has_not(cli: Cli, store: Path) -> None:
    installed = view_of_installed(store)
    assert image_layer(Store(store), installed) is None
    added = cli("add", "image")
    assert added.exit_code == 0, added.output
    assert re.search(r"^image is ready: \d+ packages of Google's images, Python", added.output, re.M)
    layer = image_layer(Store(store), installed)
    assert layer is not None
    assert (layer / "xgboost.py").exists()
    assert "image-py" in cli("list").output
    assert cli("remove", "image").exit_code == 0
    assert image_layer(Store(store), installed) is None


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("add", "nosuch"), 2, "error: name: there is no runtime 'nosuch': name tf1, tf2.15, tf2.N,"),
        (("add", "tf2.15", "--python", "/no/python"), 2, "error: --python: not an executable: /no/python"),
        (("add", "tf1.15", "--python", sys.executable), 2, "error: --python: tf1.15 needs Python 3.5 to 3.7, "),
        (("add", "image", "--python", sys.executable), 2, "error: --python: the layer is for the installed"),
        (("add", "tf2.15", "--python", "/bin/ls"), 1, "error: /bin/ls is no Python that can be used: "),
        (("remove", "installed"), 1, "error: the installed environment is not in the store of runtimes, and stays"),
        (("remove", "nosuch"), 1, "error: name: there is no runtime 'nosuch' in "),
    ],
)
def test_each_error_is_one_line(cli: Cli, arguments: tuple[str, ...], status: int, said: str) -> None:
    result = cli(*arguments)
    assert (result.exit_code, len(result.output.splitlines())) == (status, 1)
    assert result.output.startswith(said)


def test_without_uv_the_extra_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    result = cli("add", "xgboost2.1")
    assert result.output.endswith("uv is not installed: pip install 'offline-ml-cloud[runtimes]'\n")
    assert result.exit_code == 1


def test_the_installed_version_needs_nothing(cli: Cli) -> None:
    assert "2.21 runs in what is installed: TensorFlow 2.21" in cli("add", "2.21").output


def test_a_version_that_the_index_does_not_have_is_named(cli: Cli, store: Path) -> None:
    result = cli("add", "xgboost3.0" if sys.version_info < (3, 14) else "xgboost2.0")
    assert result.exit_code == 1
    assert "cannot be made: " in result.output.splitlines()[-1]
    assert "xgboost" in result.output.splitlines()[-1]
    assert Store(store).entries() == []
