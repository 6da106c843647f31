import pytest

from cloud.engine.registry.names import Place, place, prefixes


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("us-central1-docker.pkg.dev/p/mine/trainer", Place("us-central1", "p", "mine", "trainer")),
        ("us-docker.pkg.dev/p/mine/deep/er", Place("us", "p", "mine", "deep/er")),
        ("gcr.io/p/deep/er", Place("us", "p", "gcr.io", "deep/er")),
        ("eu.gcr.io/p/trainer", Place("europe", "p", "eu.gcr.io", "trainer")),
        ("us-central1-docker.pkg.dev/p/mine", None),
        ("gcr.io/p", None),
        ("docker.io/me/trainer", None),
        ("python", None),
    ],
)
def test_where_an_image_belongs(name, where):
    assert place(name) == where


def test_the_names_of_what_a_repository_holds():
    assert prefixes("us", "p", "mine") == ("us-docker.pkg.dev/p/mine/",)
    assert prefixes("us", "p", "gcr.io") == ("gcr.io/p/", "us-docker.pkg.dev/p/gcr.io/")
