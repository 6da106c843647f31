import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.images.names import ImageName, is_digest, parse_name
from cloud.errors import InvalidArgument

DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("python", ImageName("python", "latest")),
        ("python:3.8", ImageName("python", "3.8")),
        ("docker.io/library/python:3.8", ImageName("python", "3.8")),
        ("library/python", ImageName("python", "latest")),
        ("index.docker.io/pytorch/pytorch", ImageName("pytorch/pytorch", "latest")),
        ("gcr.io/p/trainer", ImageName("gcr.io/p/trainer", "latest")),
        ("us-docker.pkg.dev/p/repo/img:v1.2_3", ImageName("us-docker.pkg.dev/p/repo/img", "v1.2_3")),
        ("localhost:5000/img", ImageName("localhost:5000/img", "latest")),
        ("localhost/img:a", ImageName("localhost/img", "a")),
        (f"gcr.io/p/a@{DIGEST}", ImageName("gcr.io/p/a", "", DIGEST)),
        (f"gcr.io/p/a:b@{DIGEST}", ImageName("gcr.io/p/a", "b", DIGEST)),
        ("a__b/c---d", ImageName("a__b/c---d", "latest")),
    ],
)
def test_a_name(text, name):
    assert parse_name(text) == name
    assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gcr.io/p/Trainer", "repository name must be lowercase"),
        ("Python", "repository name must be lowercase"),
        ("", "HOST/PATH:TAG"),
        ("a:", "a tag has"),
        (f"a:{'b' * 129}", "a tag has"),
        ("a@sha256:0", "a digest is"),
        ("gcr.io/", "HOST/PATH:TAG"),
        ("/a", "HOST/PATH:TAG"),
        ("a b", "HOST/PATH:TAG"),
        ("gcr.io/p/../x", "HOST/PATH:TAG"),
        ("-.io/p", "is no host"),
        ("a" * 256, "more than 255"),
    ],
)
def test_no_name(text, why):
    with pytest.raises(InvalidArgument, match=f"invalid reference format: .*{why}") as raised:
        parse_name(text, "image_uri")
    assert raised.value.field == "image_uri"


@given(st.text(alphabet="aZ0.:/@_-", max_size=30))
def test_what_is_read_reads_as_itself(text):
    try:
        name = parse_name(text)
    except InvalidArgument:
        return
    assert parse_name(str(name)) == name
    assert name.tag or name.digest
    assert ".." not in name.repository.split("/")


def test_a_digest():
    assert is_digest(DIGEST)
    assert not is_digest(DIGEST[:-1])
