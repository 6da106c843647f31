"""What a job tries on the machine of its user. Runs as a job: reads its targets as JSON, and writes what came of each
attack: ``done``, or the name of the error. Standard library only."""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping

BANNER = b"of the machine"
"""What each listener of the machine sends."""
_FAST_OPEN, _MPTCP = 0x20000000, 262
_IO_URING_SETUP, _PROCESS_VM_READV = 425, {"x86_64": 310, "aarch64": 270}
_PTRACE_SEIZE = 0x4206
_LIBC = ctypes.CDLL(None, use_errno=True)

Targets = Mapping[str, object]


def attack(targets: dict[str, object]) -> dict[str, str]:
    """What came of each attack."""
    return {name: _result(function, targets) for name, function in ATTACKS.items()}


def _result(function: Callable[[dict[str, object]], object], targets: dict[str, object]) -> str:
    try:
        function(targets)
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def read_file(targets: Targets) -> None:
    with open(f"{targets['folder']}/secret") as file:
        assert file.read() == "secret"


def list_folder(targets: Targets) -> None:
    os.listdir(str(targets["folder"]))


def write_file(targets: Targets) -> None:
    with open(f"{targets['folder']}/secret", "a"):
        pass


def truncate_file(targets: Targets) -> None:
    os.truncate(f"{targets['folder']}/emptied", 0)


def create_file(targets: Targets) -> None:
    with open(f"{targets['folder']}/created", "w"):
        pass


def delete_file(targets: Targets) -> None:
    os.unlink(_fresh(targets, "deleted"))


def rename_file_away(targets: Targets) -> None:
    os.rename(_fresh(targets, "renamed"), "mine")


def link_file(targets: Targets) -> None:
    os.link(f"{targets['folder']}/secret", f"linked-{os.getpid()}")


def follow_own_link(targets: Targets) -> None:
    os.symlink(f"{targets['folder']}/secret", f"symbolic-{os.getpid()}")
    with open(f"symbolic-{os.getpid()}") as file:
        file.read()


def execute_file(targets: Targets) -> None:
    subprocess.run([f"{targets['folder']}/program"], check=True)


def stat_file(targets: Targets) -> None:
    os.stat(f"{targets['folder']}/secret")


def change_mode(targets: Targets) -> None:
    os.chmod(f"{targets['folder']}/secret", 0o644)


def change_times(targets: Targets) -> None:
    os.utime(f"{targets['folder']}/secret")


def write_what_it_may_read(targets: Targets) -> None:
    with open(f"{targets['readable']}/file", "a"):
        pass


def create_where_it_may_read(targets: Targets) -> None:
    with open(f"{targets['readable']}/new-{os.getpid()}", "w"):
        pass


def read_environment(targets: Targets) -> None:
    with open(f"/proc/{targets['server']}/environ") as file:
        file.read()


def read_memory_map(targets: Targets) -> None:
    with open(f"/proc/{targets['server']}/maps") as file:
        file.read()


def read_through_root(targets: Targets) -> None:
    with open(f"/proc/{targets['server']}/root{targets['folder']}/secret") as file:
        file.read()


def read_through_working_directory(targets: Targets) -> None:
    os.listdir(f"/proc/{targets['server']}/cwd")


def read_through_descriptor(targets: Targets) -> None:
    with open(f"/proc/{targets['server']}/fd/{targets['descriptor']}") as file:
        file.read()


def sacrifice_server(targets: Targets) -> None:
    with open(f"/proc/{targets['server']}/oom_score_adj", "w") as file:
        file.write("1000")


def become_worth_keeping(targets: Targets) -> None:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")


def trace(targets: Targets) -> None:
    pid = ctypes.c_long(_number(targets["server"]))
    _call("ptrace", ctypes.c_long(_PTRACE_SEIZE), pid, ctypes.c_long(0), ctypes.c_long(0))


def read_memory(targets: Targets) -> None:
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_ulong * 2)(ctypes.addressof(buffer), 8)
    remote = (ctypes.c_ulong * 2)(_number(targets["address"]), 8)
    number = _PROCESS_VM_READV[os.uname().machine]
    pid = ctypes.c_long(_number(targets["server"]))
    one, zero = ctypes.c_long(1), ctypes.c_long(0)
    _call("syscall", ctypes.c_long(number), pid, local, one, remote, one, zero)


def probe_server(targets: Targets) -> None:
    os.kill(_number(targets["server"]), 0)


def signal_server(targets: Targets) -> None:
    os.kill(_number(targets["server"]), signal.SIGCONT)


def signal_by_descriptor(targets: Targets) -> None:
    descriptor = os.pidfd_open(_number(targets["server"]))
    signal.pidfd_send_signal(descriptor, signal.SIGCONT)


def signal_parent(targets: Targets) -> None:
    os.kill(os.getppid(), signal.SIGCONT)


def limit_server(targets: Targets) -> None:
    pid = _number(targets["server"])
    resource.prlimit(pid, resource.RLIMIT_CORE, resource.prlimit(pid, resource.RLIMIT_CORE))


def connect_tcp(targets: Targets) -> None:
    with socket.create_connection(("127.0.0.1", _number(targets["tcp"])), 5) as connection:
        _expect_banner(connection)


def connect_tcp_mapped(targets: Targets) -> None:
    with socket.create_connection(("::ffff:127.0.0.1", _number(targets["tcp"])), 5) as connection:
        _expect_banner(connection)


def connect_fast(targets: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.sendto(b"x", _FAST_OPEN, ("127.0.0.1", _number(targets["tcp"])))
        connection.settimeout(5)
        _expect_banner(connection)


def connect_fast_with_message(targets: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.sendmsg([b"x"], [], _FAST_OPEN, ("127.0.0.1", _number(targets["tcp"])))
        connection.settimeout(5)
        _expect_banner(connection)


def connect_many_paths(targets: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, _MPTCP) as connection:
        connection.settimeout(5)
        connection.connect(("127.0.0.1", _number(targets["tcp"])))
        _expect_banner(connection)


def listen_on_the_machine(targets: Targets) -> None:
    port = _number(targets["free_port"])
    with socket.create_server(("127.0.0.1", port)), open(f"/proc/{targets['server']}/net/tcp") as file:
        if f"0100007F:{port:04X}" not in file.read():
            raise OSError(errno.EADDRNOTAVAIL, "it listens elsewhere")


def send_datagram(targets: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(5)
        connection.connect(("127.0.0.1", _number(targets["udp"])))
        connection.send(b"x")
        _expect_banner(connection)


def connect_abstract(targets: Targets) -> None:
    _connect_unix(f"\0{targets['abstract']}")


def connect_unix(targets: Targets) -> None:
    _connect_unix(f"{targets['folder']}/socket")


def _connect_unix(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(address)
        _expect_banner(connection)


def open_packets(targets: Targets) -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def set_up_io_uring(targets: Targets) -> None:
    os.close(_call("syscall", ctypes.c_long(_IO_URING_SETUP), ctypes.c_long(1), ctypes.create_string_buffer(120)))


def mount(targets: Targets) -> None:
    os.makedirs("mounted", exist_ok=True)
    _call("mount", b"none", os.path.abspath("mounted").encode(), b"tmpfs", ctypes.c_ulong(0), None)
    _call("umount2", os.path.abspath("mounted").encode(), 2)


def run_setuid_program(targets: Targets) -> None:
    shown = subprocess.run([str(targets["setuid"]), "-u"], capture_output=True, text=True, check=False).stdout
    if int(shown) == os.getuid():
        raise PermissionError(errno.EPERM, "it ran as this user")


def _fresh(targets: Targets, name: str) -> str:
    """A file that the test has made for this process."""
    return f"{targets['folder']}/{name}-{targets['run']}"


def _expect_banner(connection: socket.socket) -> None:
    received = connection.recv(100)
    if received != BANNER:
        raise ConnectionResetError(errno.ECONNRESET, f"not the machine's: {received!r}")


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_LIBC, name)(*arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


FILES = [
    *(read_file, list_folder, write_file, truncate_file, create_file, delete_file, rename_file_away, link_file),
    *(follow_own_link, execute_file, write_what_it_may_read, create_where_it_may_read),
]
NAMES = [stat_file, change_mode, change_times, connect_unix]
"""What only a root folder of its own keeps a process from."""
PROCESSES = [
    *(read_environment, read_memory_map, read_through_root, read_through_working_directory, read_through_descriptor),
    *(sacrifice_server, become_worth_keeping, read_memory),
    *(probe_server, signal_server, signal_by_descriptor, signal_parent, limit_server, trace),
]
NETWORK = [
    *(connect_tcp, connect_tcp_mapped, connect_fast, connect_fast_with_message, connect_many_paths),
    *(listen_on_the_machine, send_datagram, connect_abstract),
]
SYSTEM = [open_packets, set_up_io_uring, mount, run_setuid_program]
ATTACKS = {function.__name__: function for function in (*FILES, *NAMES, *PROCESSES, *NETWORK, *SYSTEM)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(attack(json.loads(sys.argv[1]))))
