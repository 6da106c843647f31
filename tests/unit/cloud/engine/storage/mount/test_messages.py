"""The sizes are those of the structures in linux/fuse.h, which the kernel compares."""

import struct

from cloud.engine.storage.mount import messages
from cloud.engine.storage.mount.messages import Attributes

FILE = Attributes(0o100644, 1000, 1.5, (7, 8))


def test_answers_are_as_long_as_the_kernel_demands():
    request = struct.pack("=4I", 7, 40, 131072, 0xFFFFFFFF)
    assert len(messages.init_answer(request)) == 64
    assert len(messages.entry(2, FILE)) == 128
    assert len(messages.attributes_answer(2, FILE)) == 104
    assert len(messages.opened(1)) == 16
    assert len(messages.written(1)) == 8
    assert len(messages.statistics()) == 80


def test_nothing_is_agreed_that_the_kernel_does_not_offer():
    flags = struct.unpack_from("=4I", messages.init_answer(struct.pack("=4I", 7, 31, 4096, 0)))[3]
    assert flags == 0


def test_attributes():
    node, size, blocks, *times = struct.unpack_from("=6Q", FILE.pack(5))
    assert (node, size, blocks, times) == (5, 1000, 2, [1, 1, 1])


def test_a_folder_is_read_in_pieces():
    names = [(f"name{number}", number % 2 == 0) for number in range(10)]
    first = messages.directory(names, 0, 100)
    assert 0 < len(first) <= 100
    assert len(first) % 8 == 0
    _, last, length, kind = struct.unpack_from("=QQII", first)
    assert (last, length, kind, first[24:29]) == (1, 5, 4, b"name0")
    assert messages.directory(names, 10, 100) == b""
