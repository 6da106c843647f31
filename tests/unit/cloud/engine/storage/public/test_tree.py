"""Which files a folder shows as a bucket, and in which order."""

import os

import pytest

from cloud.engine.storage.public.tree import Tree
from cloud.errors import PermissionDenied


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_files_are_listed_in_the_order_of_their_whole_names(tmp_path):
    names = ["a/b", "a-b", "a.b", "a0", "é/x", "Z", "a/c/d", "𝄞"]
    write(tmp_path, *names)
    tree = Tree("bkt", tmp_path)
    assert list(tree.files_from("")) == sorted(names, key=str.encode)
    for start in (*names, "a/", "a/b0", "zz"):
        assert list(tree.files_from(start)) == sorted((name for name in names if name >= start), key=str.encode)


def test_the_folder_is_read_anew(tmp_path):
    tree = Tree("bkt", tmp_path)
    assert list(tree.files_from("")) == []
    write(tmp_path, "later")
    assert list(tree.files_from("")) == ["later"]
    assert tree.path("later") == str(tmp_path / "later")


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../secret", "d/../a", "d//a", "./a", "d", "d/", "a/", "none", "a\0"]
)
def test_only_a_file_by_its_own_name_is_an_object(tmp_path, name):
    write(tmp_path / "served", "a", "d/a")
    write(tmp_path, "secret")
    assert Tree("bkt", tmp_path / "served").path(name) is None


def test_a_link_within_the_folder_is_followed_and_one_that_leaves_it_is_refused(tmp_path, caplog):
    served = tmp_path / "served"
    write(served, "a", "d/b")
    write(tmp_path, "secret/key")
    (served / "same").symlink_to("a")
    (served / "folder").symlink_to("d")
    (served / "out").symlink_to(tmp_path / "secret" / "key")
    (served / "outside").symlink_to(tmp_path / "secret")
    (served / "beside").symlink_to(f"../{served.name}-2/x")  # a name that begins with the folder's
    write(tmp_path / "served-2", "x")
    tree = Tree("bkt", served)
    assert list(tree.files_from("")) == ["a", "d/b", "folder/b", "same"]
    assert tree.path("folder/b") == str(served / "d/b")
    for name in ("out", "outside/key", "beside"):
        with pytest.raises(PermissionDenied, match="is a symbolic link out of the folder"):
            tree.path(name)
    assert caplog.text.count("does not show 'out' of") == 1
    list(tree.files_from(""))
    assert caplog.text.count("does not show 'out' of") == 1


def test_links_in_a_circle_end(tmp_path):
    write(tmp_path, "a/x", "b/y")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "to_b").symlink_to("../b")
    (tmp_path / "b" / "to_a").symlink_to("../a")
    found = list(Tree("bkt", tmp_path).files_from(""))
    assert found == ["a/to_b/y", "a/x", "b/to_a/x", "b/y"]


def test_names_that_no_object_can_have_are_left_out_in_words(tmp_path, caplog):
    write(tmp_path, "good", "line\nbreak")
    with open(os.path.join(os.fsencode(tmp_path), b"not-utf-8-\xff"), "w"):
        pass
    tree = Tree("bkt", tmp_path)
    assert list(tree.files_from("")) == ["good"]
    assert "not-utf-8" in caplog.text
    assert "an object name has no line breaks" in caplog.text


def test_what_is_no_regular_file_is_left_out(tmp_path):
    write(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    assert list(Tree("bkt", tmp_path).files_from("")) == ["a"]
    assert Tree("bkt", tmp_path).path("pipe") is None
