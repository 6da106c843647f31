from pathlib import Path

import pytest

from cloud.engine.runtimes.deep_learning_containers import held_and_imported
from cloud.engine.runtimes.distributions import Distributions

FOUND = ["pillow", "tensorflow-datasets", "importlib-resources"]
CONTAINER = "gcr.io/deeplearning-platform-release/tf2-gpu.2-8"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "task.py").write_text("import tensorflow_datasets as tfds\nfrom x import nltk\n#import cv2")
    (tmp_path / "data.py").write_text("def read():\n    from PIL.Image import open\n")
    (tmp_path / "note.txt").write_text("import matplotlib\n")
    return tmp_path


@pytest.mark.parametrize(
    ("base", "found"),
    [
        (CONTAINER, FOUND),
        ("us-docker.pkg.dev/deeplearning-platform-release/gcr.io/tf2-cpu", FOUND),
        ("us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15.py310:latest", []),
        ("python:3.11", []),
    ],
)
def test_what_programs_import_and_the_image_holds(files: Path, base: str, found: list[str]) -> None:
    assert held_and_imported(base, files, Distributions(())) == found


@pytest.mark.parametrize(("protobuf", "bounded"), [("4.25.9", True), ("6.31.1", False)])
def test_releases_that_fit_the_runtime(files: Path, tmp_path: Path, protobuf: str, bounded: bool) -> None:
    info = tmp_path / "site" / f"protobuf-{protobuf}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: protobuf\nVersion: {protobuf}\n")
    found = held_and_imported(CONTAINER, files, Distributions((tmp_path / "site",)))
    assert ("tensorflow-metadata<1.16" in found) is bounded
