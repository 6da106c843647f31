"""Who may connect. Connections of real other users: tests/security/test_other_users.py."""

import os
import socket
import struct
import sys
from contextlib import closing

import pytest

from cloud.gateway import callers, peer_uid
from cloud.gateway.callers import Callers

STRANGER = 4242
ANYONE = "other users of this machine can use this cloud: the user of a connection cannot be found out here"


class Answers:
    """A way of looking up that finds this process first, as a self-test expects, and then what it is given."""

    def __init__(self, *answers):
        self._answers = iter([os.geteuid(), *answers])
        self.closed = False

    def uid_of(self, client, server, /):
        answer = next(self._answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def close(self):
        self.closed = True


class Refuses(Answers):
    def __init__(self):
        raise OSError("no such protocol")


class FindsNothing(Answers):
    def uid_of(self, client, server, /):
        return None


class FindsAnother(Answers):
    def uid_of(self, client, server, /):
        return STRANGER


class Fails(Answers):
    def uid_of(self, client, server, /):
        raise PermissionError


@pytest.fixture
def connection():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a socket is")


@linux
def test_own_connections_are_admitted(connection, caplog):
    with closing(Callers()) as own:
        assert own.admits(connection[1])
    assert caplog.messages == []


@linux
@pytest.mark.parametrize(
    ("found", "admitted"),
    [(os.geteuid(), True), (0, True), (STRANGER, False), (65534, False), (None, False), (OSError("no memory"), False)],
)
def test_this_user_and_root_are_admitted(connection, found, admitted):
    assert Callers([lambda: Answers(found)]).admits(connection[1]) is admitted


@linux
def test_each_other_user_is_named_once(connection, caplog):
    checked = Callers([lambda: Answers(STRANGER, STRANGER, STRANGER + 1)])
    assert [checked.admits(connection[1]) for _ in range(3)] == [False] * 3
    assert caplog.messages == [
        "refused another user of this machine, with uid 4242",
        "refused another user of this machine, with uid 4243",
    ]


@linux
def test_a_connection_that_ended_meanwhile_is_refused(connection):
    """The next one with the same addresses may be anyone's, and what was received can still be read."""
    client, accepted = connection

    class Reset(Answers):
        def uid_of(self, *addresses):
            found = super().uid_of(*addresses)
            if addresses[0] == accepted.getpeername():
                client.sendall(b"x")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            return found

    assert not Callers([lambda: Reset(os.geteuid())]).admits(accepted)
    assert accepted.recv(1) == b"x"


@linux
@pytest.mark.parametrize("way", [Refuses, FindsNothing, FindsAnother, Fails])
def test_the_next_way_is_taken_where_one_does_not_work(connection, way, caplog):
    admitting = Callers([way, lambda: Answers(os.geteuid(), STRANGER)])
    assert [admitting.admits(connection[1]) for _ in range(2)] == [True, False]
    assert ANYONE not in caplog.messages


@pytest.mark.parametrize("ways", [[], [Refuses, FindsNothing, FindsAnother, Fails]])
def test_where_no_way_works_everyone_is_admitted_and_one_warning_says_so(connection, ways, caplog):
    admitting = Callers(ways)
    assert admitting.admits(connection[1])
    assert caplog.messages == [ANYONE]


def test_a_system_that_tells_nothing(connection, monkeypatch, caplog):
    """As macOS: no netlink, no /proc, and no TCP_INFO either."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(peer_uid, "_PROC_FILES", ())
    monkeypatch.delattr(socket, "TCP_INFO", raising=False)
    assert Callers().admits(connection[1])
    assert caplog.messages == [ANYONE]


@linux
def test_a_user_that_stands_for_all_unmapped_ones_tells_nothing(connection, monkeypatch, tmp_path, caplog):
    (uid_map := tmp_path / "uid_map").write_text("         0       1000          1\n")
    (overflow := tmp_path / "overflowuid").write_text(f"{os.geteuid()}\n")
    monkeypatch.setattr(callers, "_UID_MAP", uid_map)
    monkeypatch.setattr(callers, "_OVERFLOW_UID", overflow)
    Callers().close()
    assert caplog.messages == [ANYONE]
    uid_map.write_text("         0          0 4294967295\n")
    Callers().close()
    assert caplog.messages == [ANYONE]


@linux
def test_closing_closes_the_lookup():
    lookup = Answers()
    Callers([lambda: lookup]).close()
    assert lookup.closed
