"""Buckets that public programs read, so that a cloud without them can say what is missing. Pure.

Found in public trainers, notebooks, labs and clients by how often they are read.
"""

import re

from cloud.errors import BucketNotFound, NotFound

_NAMES = frozenset(
    {
        "automl-video-demo-data",
        "cloud-ml",
        "cloud-ml-data",
        "cloud-ml-tables-data",
        "cloud-samples-data",
        "cloud-samples-data-us-central1",
        "cloud-tpu-checkpoints",
        "cloud-tpu-tpuvm-artifacts",
        "cloud-training",
        "cloud-training-demos",
        "cloud-training-demos-ml",
        "cloudml-public",
        "cloudml-samples-test",
        "civil_comments_dataset",
        "download.tensorflow.org",
        "flowers-public",
        "github-repo",
        "google-cloud-aiplatform",
        "gresearch",
        "jax-releases",
        "keras-applications",
        "ml-pipeline",
        "ml-pipeline-dataset",
        "ml-pipeline-playground",
        "ml_universities",
        "mnist-public",
        "mortgage_dataset_files",
        "open-buildings-data",
        "spls",
        "tensorflow",
        "tf-datasets",
        "tf_model_garden",
        "tfds-data",
        "tfhub-modules",
        "vertex-model-garden-public-us",
        "workshop-datasets",
        "youtube-8m-team",
    }
)
_PREFIXES = ("gcp-public-data-", "public-datasets-", "youtube8m-", "tfhub-")


_LEGAL = re.compile(r"[a-z0-9._-]+")


class PublicObjectMissing(NotFound):
    """The folder that is served as a public bucket has no such file."""

    def __init__(self, message: str, bucket: str) -> None:
        self.short = f"the folder that is served as gs://{bucket} has no such file"
        """For clients that show HTTP's reason phrase only, as Keras does."""
        super().__init__(f"{message}: {self.short}")


class PublicBucketMissing(BucketNotFound):
    """A bucket that exists at Google, where anyone may read it, and is not served here."""

    def __init__(self, message: str, bucket: str) -> None:
        self.bucket, mend = bucket, f"--public {bucket}=FOLDER"
        self.short = f"gs://{bucket} is not here: serve a folder in its place with {mend}"
        super().__init__(
            f"{message}. It is a public bucket at Google, and this cloud is offline: download what the program reads "
            f"of it to a folder, and serve that with {mend} (CLOUD_PUBLIC)."
        )


def is_well_known(bucket: str) -> bool:
    return bool(_LEGAL.fullmatch(bucket)) and (bucket in _NAMES or bucket.startswith(_PREFIXES))
