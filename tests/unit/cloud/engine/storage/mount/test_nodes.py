import errno

import pytest

from cloud.engine.storage.mount.nodes import ROOT, Nodes


def test_a_path_keeps_its_number_until_the_kernel_has_forgotten_it():
    nodes = Nodes()
    number = nodes.look_up(nodes.below(ROOT, "bucket"))
    assert nodes.look_up("bucket") == number
    nodes.forget(number, 1)
    assert nodes.below(number, "a") == "bucket/a"
    nodes.forget(number, 1)
    with pytest.raises(OSError, match="tale") as caught:
        nodes.path(number)
    assert caught.value.errno == errno.ESTALE
    assert nodes.look_up("bucket") != number


def test_the_root_is_never_forgotten():
    nodes = Nodes()
    nodes.forget(ROOT, 100)
    assert nodes.path(ROOT) == ""


def test_numbers_follow_what_is_renamed():
    nodes = Nodes()
    folder, below, replaced = (nodes.look_up(path) for path in ("b/old", "b/old/x", "b/new"))
    nodes.rename("b/old", "b/new")
    assert (nodes.path(folder), nodes.path(below)) == ("b/new", "b/new/x")
    assert nodes.look_up("b/new") == folder
    nodes.forget(replaced, 1)
    assert nodes.look_up("b/new") == folder
