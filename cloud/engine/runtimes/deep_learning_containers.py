"""What Google's Deep Learning Containers hold beyond the prebuilt images for training.

Sources: https://cloud.google.com/deep-learning-containers/docs/overview names the packages but the last; Google's
samples (``hyperparameter_tuning_tensorflow``) import that one in images that do not install it.
"""

import re
from pathlib import Path

from cloud.engine.runtimes.distributions import Distributions

_IMAGE = re.compile(r"[\w.-]+/deeplearning-platform-release/\S+")
_HELD = {
    "PIL": ("pillow",),
    "cv2": ("opencv-python-headless",),
    "nltk": ("nltk",),
    "skimage": ("scikit-image",),
    "matplotlib": ("matplotlib",),
    # It imports the second, and does not say so.
    "tensorflow_datasets": ("tensorflow-datasets", "importlib-resources"),
}
"""Distributions by their module. Without a screen OpenCV's windows cannot be opened there either."""
_IMPORT = re.compile(rb"^[ \t]*(?:import|from)[ \t]+(\w+)", re.MULTILINE)


_WITH_PROTOBUF_4 = {"tensorflow-datasets": "tensorflow-metadata<1.16"}
"""Later ones say that protobuf 4, which TensorFlow 2.15 has, will do, and cannot be imported with it."""


def held_and_imported(base: str, files: Path, runtime: Distributions) -> list[str]:
    """The requirements of programs below ``files`` that need not state them, as the image ``base`` holds them. They are
    many and large, so that only those are installed which a program imports.

    Args:
        runtime: in which they run.
    """
    if not _IMAGE.fullmatch(base):
        return []
    imported = {name.decode() for file in files.rglob("*.py") for name in _IMPORT.findall(file.read_bytes())}
    found = [name for module, distributions in _HELD.items() if module in imported for name in distributions]
    protobuf = runtime.get("protobuf")
    if protobuf and int(protobuf.version.partition(".")[0]) < 5:
        found += [_WITH_PROTOBUF_4[name] for name in found if name in _WITH_PROTOBUF_4]
    return found
