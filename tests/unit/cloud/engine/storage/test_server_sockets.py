"""Sockets from a guard, which runs in a thread here: same namespace, same protocol."""

import _socket
import asyncio
import os
import socket
import threading

import pytest

from cloud.engine.storage.server_guard import guard
from cloud.engine.storage.server_sockets import ServerSockets

NO_PROCESS = -1  # the parent of none, so that nothing is killed


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def start_guard(theirs):
    def run():
        control = _socket.socket(fileno=theirs.detach())
        guard(control, NO_PROCESS)
        control.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


async def test_sockets_that_connect(ends):
    ours, theirs = ends
    thread = start_guard(theirs)
    sockets = ServerSockets(ours, lambda: None)
    await sockets.fill()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(20):  # many at once: more than are at hand
            with sockets.take() as taken:
                assert not taken.get_inheritable()
                taken.connect(listener.getsockname())
                listener.accept()[0].close()
    sockets.close()
    sockets.close()
    thread.join()


async def test_few_are_kept_at_hand(ends):
    ours, theirs = ends
    sockets = ServerSockets(ours, lambda: None)
    filling = asyncio.create_task(sockets.fill())
    await asyncio.sleep(0)
    asked = len(theirs.recv(64))
    assert asked < 10
    with pytest.raises(TimeoutError):  # nobody answers, and requests do not pile up
        sockets.take()
    with pytest.raises(TimeoutError):
        sockets.take()
    assert len(theirs.recv(64)) == 1
    with socket.socket() as new:
        for _ in range(asked + 1):
            socket.send_fds(theirs, [b"\0"], [new.fileno()])
    await filling
    for _ in range(asked + 1):
        sockets.take().close()
    assert len(theirs.recv(64)) == asked
    sockets.close()


async def test_a_guard_that_ends_is_noticed_once(ends):
    ours, theirs = ends
    lost = []
    sockets = ServerSockets(ours, lambda: lost.append(True))
    filling = asyncio.create_task(sockets.fill())
    await asyncio.sleep(0)
    theirs.close()
    await filling
    assert lost == [True]
    with pytest.raises(OSError, match=r"."):
        sockets.take()
    sockets.close()
    assert lost == [True]


async def test_one_that_is_closed_is_not_lost(ends):
    ours, theirs = ends
    lost = []
    sockets = ServerSockets(ours, lambda: lost.append(True))
    sockets.close()
    theirs.close()
    await asyncio.sleep(0.01)
    assert lost == []
    with pytest.raises(OSError, match=r"."):
        sockets.take()


async def test_a_reason_instead_of_sockets(ends):
    ours, theirs = ends
    sockets = ServerSockets(ours, lambda: None)
    os.write(theirs.fileno(), b"1 unshare: Operation not permitted")
    theirs.close()
    assert sockets.message == "1 unshare: Operation not permitted"
    assert sockets.message == "1 unshare: Operation not permitted"
    sockets.close()
