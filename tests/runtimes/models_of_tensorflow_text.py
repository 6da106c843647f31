"""A SavedModel with an operation of tensorflow-text: ``python models_of_tensorflow_text.py FOLDER``."""

import sys
from pathlib import Path

import tensorflow as tf
import tensorflow_text as text


def words(folder: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def serve(text_of_rows: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"words": text.WhitespaceTokenizer().tokenize(text_of_rows).row_lengths()}

    tf.saved_model.save(tf.Module(), folder / "words", signatures=serve)


if __name__ == "__main__":
    words(Path(sys.argv[1]))
