from pathlib import Path

import pytest

from cloud.engine.runtimes.image_holdings import held_and_imported

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
    assert held_and_imported(base, [files], ()) == found


@pytest.mark.parametrize(
    ("image", "is_held"),
    [
        ("gcr.io/deeplearning-platform-release/base-cpu", True),
        ("us-docker.pkg.dev/vertex-ai/training/sklearn-cpu.1-0", True),
        ("europe-docker.pkg.dev/vertex-ai/training/scikit-learn-cpu.0-23:latest", True),
        ("gcr.io/cloud-aiplatform/training/scikit-learn-cpu.0-23:latest", True),
        ("us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-8:latest", False),
        ("python:3.10", False),
        ("", False),
    ],
)
def test_pandas_reads_buckets_by_gcsfs(tmp_path: Path, image: str, is_held: bool) -> None:
    (tmp_path / "train.py").write_text("import pandas as pd\npd.read_csv(sys.argv[1])\n")
    found = held_and_imported(image, [tmp_path], ("--data", "gs://bucket/a.csv"))
    assert found == (["gcsfs"] if is_held else [])


@pytest.mark.parametrize(
    ("text", "argument", "is_missed"),
    [
        ("import pandas\n", "a.csv", False),
        ("import csv\n", "gs://bucket/a.csv", False),
        ("import pandas\nDATA = 'gs://bucket/a.csv'\n", "--fast", True),
        ("from pandas import read_csv\n", "--data=gs://bucket/a.csv", True),
    ],
)
def test_gcsfs_is_for_programs_that_would_miss_it(tmp_path: Path, text: str, argument: str, is_missed: bool) -> None:
    (tmp_path / "train.py").write_text(text)
    assert ("gcsfs" in held_and_imported(CONTAINER, [tmp_path], (argument,))) is is_missed
