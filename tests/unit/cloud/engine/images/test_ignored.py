import pytest

from cloud.engine.images.ignored import Ignored


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("data", ["data", "data/a", "data/b/c"], ["a/data", "database"]),
        ("/data/", ["data/a"], ["a/data"]),
        ("**/data", ["data", "a/data/b"], ["a/data1"]),
        ("*.pyc", ["a.pyc"], ["b/a.pyc"]),
        ("**/*.pyc", ["a.pyc", "b/c/a.pyc"], ["a.py"]),
        ("*\n!trainer\n", ["a", "b/c"], ["trainer", "trainer/task.py"]),
        ("trainer\n!trainer/task.py", ["trainer/a.py"], ["trainer/task.py"]),
        ("!a\n*", ["a"], []),
        ("# data\n\n", [], ["data", "# data"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("[a-c]x", ["bx"], ["dx"]),
        ("[^a]x", ["bx"], ["ax"]),
        ("a/**", ["a/b", "a/b/c"], ["b"]),
        ("a/**/z", ["a/z", "a/b/c/z"], ["z"]),
        ("./a/../b", ["b"], ["a"]),
        ("[z-a]", ["[z-a]"], ["b"]),
        (".", [], ["a"]),
    ],
)
def test_what_is_ignored(rules, ignored, kept):
    check = Ignored(rules)
    assert [path for path in ignored if not check(path)] == []
    assert [path for path in kept if check(path)] == []


def test_whether_a_file_may_count_whose_folder_does_not():
    assert Ignored("*\n!a").has_exceptions
    assert not Ignored("a\n#!b").has_exceptions
