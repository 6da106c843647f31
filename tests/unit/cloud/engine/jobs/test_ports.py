import socket

import pytest

from cloud.engine.jobs.ports import PortAllocator, is_bound
from cloud.errors import ResourceExhausted
from full_disk import most_open_files


def test_no_port_is_allocated_twice_while_it_is_in_use() -> None:
    # Two jobs of twenty replicas shared a port in 9 of 200 trials, when each found its own ports.
    ports = PortAllocator()
    given = [port for _ in range(200) for port in ports.allocate(20)]
    assert len(set(given)) == len(given)
    ports.release(given)
    assert len(set(ports.allocate(20))) == 20


def test_without_file_descriptors_there_is_an_error() -> None:
    with most_open_files(20), pytest.raises(ResourceExhausted, match="No ports are left for 100 replicas"):
        PortAllocator().allocate(100)


def test_a_port_is_bound_while_a_program_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert is_bound(port)
    assert not is_bound(port)
