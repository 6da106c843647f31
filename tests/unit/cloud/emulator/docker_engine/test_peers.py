"""Jobs are told from programs of the owner by their filters of system calls."""

import asyncio
import sys
from pathlib import Path

import pytest

from cloud.emulator.docker_engine.engine import DockerEngine
from cloud.emulator.docker_engine.images import Platform
from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore
from cloud.engine.registry.registry import Registry
from cloud.engine.registry.repositories import Repositories
from cloud.server.docker_socket import DockerSocket

CLIENT = """
import http.client, os, socket, sys
path, how = sys.argv[1:]
if how != "free":
    from cloud.engine.launch.forkserver import seccomp
    seccomp.restrict(datagrams=False)
connection = http.client.HTTPConnection("docker")
connection.sock = socket.socket(socket.AF_UNIX)
if how in ("zombie", "gone"):  # a child connects, and ends
    child = os.fork()
    if not child:
        connection.sock.connect(path)
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | (os.WNOWAIT if how == "zombie" else 0))
else:
    connection.sock.connect(path)
connection.request("GET", "/info")
print(connection.getresponse().status, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="filters of system calls are Linux's")
@pytest.mark.parametrize(
    ("how", "status"), [("free", b"200"), ("confined", b"403"), ("zombie", b"403"), ("gone", b"403")]
)
async def test_a_confined_program_is_refused(tmp_path: Path, how: str, status: bytes) -> None:
    store = ImageStore(tmp_path / "images")
    repositories = Repositories(tmp_path / "repositories.sqlite")
    registry = Registry("my-project", 1234, repositories, store)
    engine = DockerEngine(Platform(registry, ImageBuilder(store), tmp_path))
    socket = DockerSocket((), lambda: engine, tmp_path / "docker")
    path = (await socket.environ())["DOCKER_HOST"].removeprefix("unix://")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, path, how, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await program.communicate()
    assert output.strip() == status
    await socket.close()
    repositories.close()
