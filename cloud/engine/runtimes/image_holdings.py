"""What Google's images hold beyond the runtimes that stand for them, of which a job has what it imports.

Sources: https://cloud.google.com/deep-learning-containers/docs/overview names what Deep Learning Containers hold.
Google's samples import tensorflow-datasets there (``hyperparameter_tuning_tensorflow``). They read ``gs://`` with
pandas, which does it by gcsfs: there, and in images for scikit-learn, they do not install that; for those of TensorFlow
they require it.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_Held = dict[str, tuple[str, ...]]
"""Distributions by the module that an image's programs import to have them."""
_GCSFS: _Held = {"pandas": ("gcsfs",)}
"""Where something names a ``gs://``. Others would not miss it, and could not start where no package index is used."""
_DEEP_LEARNING_CONTAINER: _Held = {
    "PIL": ("pillow",),
    # Without a screen its windows cannot be opened there either.
    "cv2": ("opencv-python-headless",),
    "nltk": ("nltk",),
    "skimage": ("scikit-image",),
    "matplotlib": ("matplotlib",),
    # It imports the second, and does not say so.
    "tensorflow_datasets": ("tensorflow-datasets", "importlib-resources"),
}
_HELD: tuple[tuple[re.Pattern[str], _Held, _Held], ...] = (
    (re.compile(r"[\w.-]+/deeplearning-platform-release/\S+"), _DEEP_LEARNING_CONTAINER, _GCSFS),
    (re.compile(r"[\w.-]+/(?:vertex-ai|cloud-aiplatform)/training/s(?:cikit-|k)learn-\S+"), {}, _GCSFS),
)
"""By image; the last are for programs that something leads to ``gs://``."""
_IMPORT = re.compile(rb"^[ \t]*(?:import|from)[ \t]+(\w+)", re.MULTILINE)


def held_and_imported(image: str, folders: Iterable[Path], given: Iterable[str]) -> list[str]:
    """The requirements of programs below ``folders`` that need not state them, as ``image`` holds them. They are many
    and large, so that only those are installed which a program imports.

    Args:
        given: the programs' arguments and the values of their variables.
    """
    of_image = next((held for pattern, *held in _HELD if pattern.fullmatch(image)), None)
    if of_image is None:
        return []
    held, by_bucket = of_image
    texts = [file.read_bytes() for folder in folders for file in folder.rglob("*.py")]
    imported = {name.decode() for text in texts for name in _IMPORT.findall(text)}
    if any("gs://" in one for one in given) or any(b"gs://" in text for text in texts):
        held = held | by_bucket
    return [name for module, distributions in held.items() if module in imported for name in distributions]
