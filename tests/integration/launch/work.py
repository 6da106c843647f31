"""What a job does with its own things. Runs as a job: writes what came of each task, ``done`` or the error. Standard
library only."""

import errno
import json
import multiprocessing
import os
import pty
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from multiprocessing import shared_memory


def double(number: int) -> int:
    return 2 * number


def change_own_files() -> None:
    for folder in ("one", "two/three"):
        os.makedirs(folder, exist_ok=True)
    with open("one/file", "w") as file:
        file.write("text")
    os.truncate("one/file", 2)
    os.rename("one/file", "two/three/file")
    os.link("two/three/file", "one/hard")
    os.symlink("hard", "one/soft")
    os.mkfifo("one/fifo")
    os.chmod("one/hard", 0o600)
    os.utime("one/hard")
    with open("one/soft") as file:
        assert file.read() == "te"
    os.rename("two/three", "three")
    for folder in ("one", "two", "three"):
        shutil.rmtree(folder)


def make_temporary_files() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"x")


def use_devices() -> None:
    with open("/dev/null", "w") as null, open("/dev/urandom", "rb") as random, open("/dev/zero", "rb") as zero:
        null.write("x")
        assert random.read(8) != zero.read(8)
    with open("/dev/stdout", "w") as out:
        out.write("")


def start_programs() -> None:
    assert subprocess.run(["sh", "-c", "echo $((1 + 1))"], capture_output=True, text=True, check=True).stdout == "2\n"
    code = "import ssl, sqlite3, ctypes; print(__import__('sys').prefix)"
    python = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert python.stdout.strip() == sys.prefix


def _pool(method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(double, range(3)) == [0, 2, 4]


def fork_pool() -> None:
    _pool("fork")


def spawn_pool() -> None:
    _pool("spawn")


def forkserver_pool() -> None:
    _pool("forkserver")


def share_by_a_manager() -> None:
    with multiprocessing.Manager() as shared:
        values = shared.list([1])
        values.append(2)
        assert list(values) == [1, 2]


def share_memory() -> None:
    memory = shared_memory.SharedMemory(create=True, size=8)
    again = shared_memory.SharedMemory(memory.name)
    memory.buf[0] = 7
    assert again.buf[0] == 7
    again.close()
    memory.close()
    memory.unlink()


def signal_and_limit_children() -> None:
    child = subprocess.Popen(["sleep", "60"])
    child.send_signal(signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(os.getpid(), resource.RLIMIT_NOFILE, limits)


def look_up_names() -> None:
    assert socket.getaddrinfo("localhost", 80)


def talk_by_unix_sockets() -> None:
    for address in ("own", f"\0own-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(address)
            listener.listen()
            client.connect(address)
    os.unlink("own")


def serve_on_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: listener.accept()[0].send(b"hello")).start()
        with socket.create_connection(listener.getsockname(), 5) as connection:
            assert connection.recv(10) == b"hello"


def send_datagrams_to_itself() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        two.sendto(b"x", one.getsockname())
        assert one.recv(1) == b"x"


def open_a_terminal() -> None:
    assert pty.spawn(["true"]) == 0


def write_to_shared_folders() -> None:
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108
        with tempfile.NamedTemporaryFile(dir=folder):
            assert len(os.listdir(folder)) >= 1


ANYWHERE = [
    *(change_own_files, make_temporary_files, use_devices, start_programs, fork_pool, spawn_pool, forkserver_pool),
    *(share_by_a_manager, share_memory, signal_and_limit_children, look_up_names, talk_by_unix_sockets),
]
IN_A_NAMESPACE = [serve_on_a_free_port, send_datagrams_to_itself, open_a_terminal, write_to_shared_folders]
TASKS = {function.__name__: function for function in (*ANYWHERE, *IN_A_NAMESPACE)}


def result(task: Callable[[], None]) -> str:
    """``done``, or the error."""
    try:
        task()
    except OSError as error:
        return f"{errno.errorcode.get(error.errno or 0)}: {error}"
    except Exception as error:  # noqa: BLE001 - it is the outcome
        return repr(error)
    return "done"


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps({name: result(TASKS[name]) for name in json.loads(sys.argv[1])}))
