import pytest

from cloud.engine.serving.failure import TensorFlowError
from cloud.engine.serving.refusals import load_error, one_line


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        (
            "/m",
            TensorFlowError(5, "Could not find SavedModel .pb or .pbtxt at supplied export directory path: /m"),
            "Cloud ML only supports TF 1.0 or above and models saved in SavedModel format.",
        ),
        (
            "/m",
            TensorFlowError(11, "Read less bytes\n\t than requested"),
            "Failed to load the model due to bad model data. tags: ['serve']\nRead less bytes than requested",
        ),
        (
            "gs://b/m",
            TensorFlowError(7, "Error executing an HTTP request: HTTP response code 403"),
            "gs://b/m cannot be read: Error executing an HTTP request: HTTP response code 403",
        ),
        ("/m", ValueError("cut short"), "Failed to load the model due to bad model data. tags: ['serve']\ncut short"),
        (
            "/m",
            TensorFlowError(5, "Op type not registered 'UnicodeScriptTokenizeWithOffsets' in binary running on host."),
            "it uses the operation UnicodeScriptTokenizeWithOffsets, which TensorFlow does not have. If it is one of "
            "tensorflow-text's, which TensorFlow Serving has, and so Google's servers serve this model: pip install "
            "tensorflow-text to serve it here. TensorFlow Serving refuses any other: Op type not registered "
            "'UnicodeScriptTokenizeWithOffsets' in binary running on host.",
        ),
        (
            "/m",
            TensorFlowError(5, "Op type not registered 'TFText>WhitespaceTokenizeWithOffsetsV2' in binary"),
            "it uses TFText>WhitespaceTokenizeWithOffsetsV2 of tensorflow-text, which TensorFlow Serving has, and so "
            "Google's servers serve this model: pip install tensorflow-text to serve it here.",
        ),
        (
            "/m",
            TensorFlowError(5, "Op type not registered 'SimpleMLInferenceOpWithHandle' in binary"),
            "it uses SimpleMLInferenceOpWithHandle of TensorFlow Decision Forests, which TensorFlow Serving has, and "
            "so Google's servers serve this model. It cannot be loaded here.",
        ),
    ],
    ids=["nothing", "damaged", "forbidden", "no message", "old tf_text", "tf_text", "forests"],
)
def test_why_a_model_is_not_loaded(path: str, error: Exception, text: str):
    assert load_error(error, path, ["serve"]).message == f"Failed to load model: {text} (Error code: 0)"


def test_long_texts_are_cut():
    assert len(one_line("x" * 5000)) == 2001
