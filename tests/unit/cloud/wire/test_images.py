import pytest

from cloud.wire.images import ImageKind, PrebuiltImage, parse_image

T, P = ImageKind.TRAINING, ImageKind.PREDICTION
DIGEST = "@sha256:" + 16 * "0aF9"


@pytest.mark.parametrize(
    ("name", "kind", "framework", "version", "python"),
    [
        ("training/tf-cpu.2-17.py310", T, "tensorflow", "2.17", "3.10"),
        ("training/tf-gpu.1-15", T, "tensorflow", "1.15", None),
        ("training/tf-cpu.2-1", T, "tensorflow", "2.1", None),
        ("training/tf-tpu.2-15.cp310", T, "tensorflow", "2.15", "3.10"),
        ("training/tf-cpu.2-13", T, "tensorflow", "2.13", None),
        ("training/pytorch-xla.2-4.py310", T, "pytorch", "2.4", "3.10"),
        ("training/pytorch-gpu.1-13", T, "pytorch", "1.13", None),
        ("training/scikit-learn-cpu.0-23", T, "scikit-learn", "0.23", None),
        ("training/sklearn-cpu.1-0", T, "scikit-learn", "1.0", None),
        ("training/sklearn-gpu.1-6.py310", T, "scikit-learn", "1.6", "3.10"),
        ("training/xgboost-cpu.1-1", T, "xgboost", "1.1", None),
        ("prediction/tf2-gpu.2-15", P, "tensorflow", "2.15", None),
        ("prediction/tf-cpu.1-15", P, "tensorflow", "1.15", None),
        ("prediction/tf_opt-cpu.nightly", P, "tensorflow", None, None),
        ("prediction/sklearn-cpu.0-20", P, "scikit-learn", "0.20", None),
        ("prediction/xgboost-cpu.2-1", P, "xgboost", "2.1", None),
        ("prediction/pytorch-cpu.2-4", P, "pytorch", "2.4", None),
    ],
)
@pytest.mark.parametrize(
    "registry",
    [
        "us-docker.pkg.dev/vertex-ai",
        "europe-docker.pkg.dev/vertex-ai-restricted",
        "asia-docker.pkg.dev/cloud-aiplatform",
        "gcr.io/cloud-aiplatform",
    ],
)
def test_each_name_is_known_in_each_registry_with_and_without_tag_and_digest(
    registry, name, kind, framework, version, python
):
    expected = PrebuiltImage(kind, name.partition("/")[2], framework, version, python)
    for suffix in ("", ":latest", ":m112", DIGEST, f":latest{DIGEST}"):
        assert parse_image(f"{registry}/{name}{suffix}") == expected
    assert str(expected) == name
    assert expected.is_listed == (name not in ("training/tf-cpu.2-13", "training/tf-cpu.2-99"))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "gcr.io/my-project/tf-cpu.2-15:latest",
        "gcr.io/cloud-aiplatform/tf-cpu.2-15:latest",
        "docker.io/vertex-ai/training/tf-cpu.2-15:latest",
        "us-docker.pkg.dev/my-project/vertex-ai/training/tf-cpu.2-15",
        "us-docker.pkg.dev/vertex-ai/training/mxnet-cpu.1-0",
        "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15:",
        "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15@sha256:xyz",
        "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15:latest\n",
        "us-docker.pkg.dev/vertex-ai/training/tf-cpu.٢-15",
        "https://us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15",
    ],
)
def test_other_images_are_not_known(uri):
    assert parse_image(uri) is None
