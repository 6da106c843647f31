import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.images.store import ImageStore
from cloud.errors import InvalidArgument, NotFound
from cloud.resources.container_images import ContainerImage

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
IMAGE = ContainerImage(
    digest=ONE,
    base="python:3.11",
    create_time=datetime(2026, 1, 2, tzinfo=UTC),
    requirements=("fire", "/code"),
    env={"A": "b"},
    workdir="/code",
    entrypoint=("python", "-m", "task"),
    command=("--x=1",),
    passed_over=("RUN apt-get install -y curl",),
)
NAME = "us-docker.pkg.dev/my-project/my-repo/trainer"


def add(store, tmp_path, digest=ONE, text="x"):
    files = tmp_path / f"files{digest[-1]}"
    files.mkdir()
    (files / "a").write_text(text)
    image = replace(IMAGE, digest=digest)
    store.add(image, files)
    assert not files.exists()
    return image


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "store")


def test_an_image_survives_a_restart(store, tmp_path):
    add(store, tmp_path)
    store.tag("trainer", ONE)
    store.tag(NAME, ONE)
    store.push(NAME)
    again = ImageStore(tmp_path / "store")
    assert again.local("trainer") == again.local("trainer:latest") == again.local(ONE) == again.find(NAME) == IMAGE
    assert (again.files(IMAGE) / "a").read_text() == "x"
    assert again.pushed() == store.pushed()


@given(
    st.builds(
        ContainerImage,
        digest=st.just(ONE),
        base=st.text(),
        create_time=st.datetimes(timezones=st.just(UTC)),
        requirements=st.lists(st.text()).map(tuple),
        env=st.dictionaries(st.text(), st.text()),
        workdir=st.text(),
        entrypoint=st.lists(st.text()).map(tuple),
        command=st.lists(st.text()).map(tuple),
        passed_over=st.lists(st.text()).map(tuple),
    )
)
def test_any_image_is_read_as_it_was_written(tmp_path_factory, image):
    folder = tmp_path_factory.mktemp("store")
    (folder / "files").mkdir()
    ImageStore(folder / "store").add(image, folder / "files")
    assert ImageStore(folder / "store").local(ONE) == image


def test_the_same_image_twice_is_there_once(store, tmp_path):
    add(store, tmp_path)
    add(store, tmp_path, text="other")
    assert (store.files(IMAGE) / "a").read_text() == "x"


def test_what_a_killed_process_left_is_removed(store, tmp_path):
    add(store, tmp_path)
    left = tmp_path / "store" / "images" / ".new-x" / "files"
    left.mkdir(parents=True)
    (tmp_path / "store" / "names.json.new").write_text('{"local')
    again = ImageStore(tmp_path / "store")
    assert not left.exists()
    assert again.local(ONE) == IMAGE
    again.tag("a", ONE)


def test_a_local_name_is_in_no_registry(store, tmp_path):
    add(store, tmp_path)
    store.tag(NAME, ONE)
    assert store.find(NAME) is None
    assert store.pushed() == []
    assert store.local(f"{NAME}@{ONE}") == IMAGE
    assert store.local(f"gcr.io/other/trainer@{ONE}") is None
    assert store.local("1" * 12) == IMAGE
    assert store.local("2" * 12) is None
    assert store.local("other") is None


def test_a_tag_moves_and_its_old_digest_stays(store, tmp_path):
    add(store, tmp_path)
    two = add(store, tmp_path, TWO)
    for digest in (ONE, TWO):
        store.tag(NAME, digest)
        store.push(NAME)
    assert store.find(NAME) == two
    assert store.find(f"{NAME}@{ONE}") == IMAGE
    assert [(one.name, one.tag, one.digest) for one in store.pushed()] == [(NAME, "latest", TWO)]


def test_a_push_again_keeps_the_time(store, tmp_path):
    add(store, tmp_path)
    store.tag(NAME, ONE)
    store.push(NAME)
    before = store.pushed()
    assert store.push(NAME) == IMAGE
    assert store.pushed() == before


def test_a_tag_is_deleted(store, tmp_path):
    add(store, tmp_path)
    for tag in ("a", "b"):
        store.tag(f"{NAME}:{tag}", ONE)
        store.push(f"{NAME}:{tag}")
    store.delete(f"{NAME}:a")
    assert [one.tag for one in store.pushed()] == ["b"]
    assert store.find(f"{NAME}:a") is None
    assert store.local(f"{NAME}:a") == IMAGE
    store.delete(f"{NAME}@{ONE}")
    assert store.pushed() == []
    assert store.find(f"{NAME}@{ONE}") is None


def test_a_repository_is_deleted(store, tmp_path):
    add(store, tmp_path)
    for name in (NAME, f"{NAME}/deeper:x", "us-docker.pkg.dev/my-project/my-repo-2/trainer"):
        store.tag(name, ONE)
        store.push(name)
    store.delete("us-docker.pkg.dev/my-project/my-repo/")
    assert [one.name for one in store.pushed()] == ["us-docker.pkg.dev/my-project/my-repo-2/trainer"]


@pytest.mark.parametrize("name", [NAME, f"{NAME}@{ONE}", "us-docker.pkg.dev/my-project/"])
def test_nothing_to_delete(store, name):
    with pytest.raises(NotFound):
        store.delete(name)


def test_what_is_not_there(store):
    with pytest.raises(NotFound, match="does not exist locally with the tag: trainer:latest"):
        store.push("trainer")
    with pytest.raises(NotFound, match="No such image"):
        store.tag("a", ONE)
    with pytest.raises(InvalidArgument):
        store.find("Not a name")


def test_only_its_owner_reads_it(store, tmp_path):
    add(store, tmp_path)
    store.tag("a", ONE)
    for path in ("names.json", "images", f"images/{'1' * 64}"):
        assert os.stat(tmp_path / "store" / path).st_mode & 0o077 == 0


def test_an_image_is_discarded_when_nothing_names_it(store, tmp_path):
    add(store, tmp_path)
    other = add(store, tmp_path, TWO)
    store.tag(NAME, ONE)
    store.tag("trainer:1", ONE)
    store.push(NAME)
    assert store.local_names() == {f"{NAME}:latest": ONE, "trainer:1": ONE}
    assert [image.digest for image in store.images()] == [ONE, TWO]
    assert store.discard(TWO)
    assert not store.discard(TWO)
    assert not store.files(other).exists()
    store.untag("trainer:1")
    assert not store.discard(ONE)
    store.untag(NAME)
    assert store.local_names() == {}
    assert not store.discard(ONE)  # a registry holds it
    store.delete(f"{NAME}@{ONE}")
    assert store.discard(ONE)
    assert store.images() == []
    with pytest.raises(NotFound, match="No such image: trainer:1"):
        store.untag("trainer:1")
    assert [path.name for path in (tmp_path / "store" / "images").iterdir()] == []
