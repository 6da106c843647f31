from datetime import date

from cloud.backends.google.images import serving_image, training_image

EARLY, LATE = date(2025, 1, 1), date(2026, 11, 23)


def test_an_image_by_version_region_and_accelerator():
    cpu = training_image("2.15.1", "us-central1", EARLY, accelerated=False)
    assert (cpu.uri, cpu.warning) == ("us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15.py310:latest", "")
    gpu = training_image(None, "europe-west4", EARLY, accelerated=True)
    assert gpu.uri == "europe-docker.pkg.dev/vertex-ai/training/tf-gpu.2-17.py310:latest"
    assert (
        serving_image("2.14", "asia-east1", EARLY).uri == "asia-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-14:latest"
    )


def test_an_old_version_gets_the_newest_image_and_a_warning():
    image = serving_image("1.8", "us-central1", EARLY)
    assert "tf2-cpu.2-15" in image.uri
    assert image.warning == "Google has no serving image for runtime version 1.8: TensorFlow 2.15 is used."


def test_past_googles_date_there_is_a_warning():
    assert "2026-07-11: it may be gone" in training_image("2.17", "us-central1", LATE, accelerated=False).warning
