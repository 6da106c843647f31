"""What Google's images hold."""

import pytest
from packaging.utils import canonicalize_name

from cloud.engine.runtimes import google_images
from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK, FRAMEWORK, distribution_of


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("sklearn.linear_model", "scikit-learn"),
        ("google.cloud.storage.blob", "google-cloud-storage"),
        ("google.cloud.bigquery_storage_v1.types", "google-cloud-bigquery-storage"),
        ("google.cloud", "google-cloud-core"),
        ("google.cloud.secretmanager", None),
        ("google", None),
        ("google.protobuf", None),
        ("hypertune", "cloudml-hypertune"),
        ("lightgbm", None),
        ("matplotlib.pyplot", None),
        ("", None),
    ],
)
def test_distribution_of_a_module(module: str, distribution: str | None) -> None:
    assert distribution_of(module) == distribution


def test_names_are_normalized_and_each_is_told_of_one_of_its_modules() -> None:
    names = {*FRAMEWORK, *BESIDE_FRAMEWORK}
    assert names == {canonicalize_name(name) for name in names}
    assert len(names) == len(FRAMEWORK) + len(BESIDE_FRAMEWORK)
    assert set(google_images._DISTRIBUTIONS.values()) == names
