import errno

import pytest

from cloud.engine.launch.forkserver.landlock import Handled, Rules, handled, rights

FILES = (1 << 13) - 1
ALL = Rules([], [], signals=False)


@pytest.mark.parametrize(
    ("abi", "files"),
    [
        (2, FILES | 1 << 13),
        (3, FILES | 3 << 13),
        (4, FILES | 3 << 13),
        (5, FILES | 7 << 13),
        (8, FILES | 7 << 13),
        (9, FILES | 15 << 13),
        (99, FILES | 15 << 13),
    ],
)
def test_all_that_a_kernel_knows_of_files_is_denied(abi: int, files: int) -> None:
    assert handled(Rules([], None, signals=True), abi) == Handled(files, 0, 0)


def test_only_what_is_restricted_is_handled() -> None:
    assert handled(ALL, 6) == Handled(FILES | 7 << 13, 3, 3)
    assert handled(Rules(None, [80], signals=True), 4) == Handled(0, 3, 0)
    assert handled(Rules(None, None, signals=False), 6) == Handled(0, 0, 3)


@pytest.mark.parametrize(
    ("rules", "abi", "kernel"),
    [
        (Rules([], None, signals=True), 0, "5.19"),
        (Rules([], None, signals=True), 1, "5.19"),
        (Rules([], [], signals=True), 3, "6.7"),
        (Rules([], None, signals=False), 5, "6.12"),
    ],
)
def test_what_a_kernel_cannot_restrict_is_an_error(rules: Rules, abi: int, kernel: str) -> None:
    with pytest.raises(OSError, match=f"Landlock of Linux {kernel} is needed") as caught:
        handled(rules, abi)
    assert caught.value.errno == errno.ENOSYS


@pytest.mark.parametrize(("abi", "size"), [(2, 8), (3, 8), (4, 16), (5, 16), (6, 24), (9, 24)])
def test_the_kernel_gets_the_fields_it_knows(abi: int, size: int) -> None:
    assert len(Handled(1, 2, 3).attributes(abi)) == size


def test_rights() -> None:
    read, device, write = (right for _, right in rights(read=["/usr"], devices=["/dev/null"], write=["/srv"]))

    execute, write_file, read_file, make_device, ioctl = 1 << 0, 1 << 1, 1 << 2, 1 << 6 | 1 << 11, 1 << 15
    assert read & (execute | read_file | write_file | ioctl) == execute | read_file
    assert device & (execute | read_file | write_file | ioctl) == read_file | write_file | ioctl
    assert write & (read | write_file) == read | write_file
    assert write & (make_device | ioctl) == 0
