"""What a confined process can still do, and how it starts and ends."""

import asyncio
import os
import signal
import socket
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.engine.launch.client import Command, Interpreter, Launcher
from cloud.engine.launch.network import Network
from cloud.errors import FailedPrecondition
from integration.launch import work
from integration.launch.confined import INTERPRETERS, PORT, confinement, outcome
from integration.launch.programs import ENVIRON, Programs, linux_only, parent_of, run, until_gone
from integration.launch.work import ANYWHERE, TASKS

pytestmark = [linux_only, pytest.mark.asyncio(loop_scope="module")]

BASE_PYTHON = Path(sys.base_prefix, "bin", f"python{sysconfig.get_python_version()}")
BASE_PIP = list(Path(sys.base_prefix, "lib").glob(f"{BASE_PYTHON.name}/*-packages/pip"))
WITHOUT_NAMESPACE = [function.__name__ for function in ANYWHERE]


@pytest.fixture(params=INTERPRETERS, ids=str)
def programs(request: pytest.FixtureRequest) -> Iterator[Programs]:
    # Not a folder of pytest's: its path is too long for the Unix sockets that multiprocessing makes in TMPDIR.
    with tempfile.TemporaryDirectory() as folder:
        yield Programs(Path(folder), INTERPRETERS[request.param])


@pytest.mark.parametrize("has_namespace", [True, False], ids=["namespace", "landlock"])
async def test_it_works_with_its_own(
    warm_launcher: Launcher, network: Network, programs: Programs, has_namespace: bool
) -> None:
    tasks = list(TASKS) if has_namespace else WITHOUT_NAMESPACE
    wanted = confinement(programs.folder, network if has_namespace else None)

    found = await outcome(warm_launcher, programs, Path(work.__file__).read_text(), wanted, tasks)

    assert found == dict.fromkeys(tasks, "done")


@pytest.mark.skipif(not BASE_PIP, reason="the Python of which this environment is made has no pip")
async def test_pip_installs(warm_launcher: Launcher, network: Network, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rates-1-py3-none-any.whl", "w") as archive:
        archive.writestr("rates.py", "")
        archive.writestr("rates-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("rates-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: rates\nVersion: 1\n")
        archive.writestr("rates-1.dist-info/RECORD", "rates.py,,\n")
    wanted = confinement(tmp_path, network)
    argv = ("install", "--no-index", "--target", "installed", "rates-1-py3-none-any.whl")
    environ = {**ENVIRON, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = Command("pip", argv, environ, tmp_path, (), Interpreter(BASE_PYTHON), confinement=wanted)
    lines: list[str] = []

    assert (await run(warm_launcher, command, lambda line: lines.append(line.text))).ok, lines
    assert (tmp_path / "installed" / "rates.py").exists()


async def test_a_folder_of_its_own_stands_for_the_root(
    warm_launcher: Launcher, network: Network, programs: Programs
) -> None:
    root = programs.folder / "root"
    # The private root has a folder /tmp of its own.
    for name in ("app/data.txt", "usr/src/app/data.txt", "tmp/of/image.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "start.sh").write_text("exit 3")
    (root / "link").symlink_to("app/data.txt")
    source = """
        import json, os, subprocess
        def read(path):
            with open(path) as file:
                return file.read()
        with open("/app/written", "w") as file:
            file.write("by the job")
        print(json.dumps({
            "app": read("/app/data.txt"),
            "link": read("/link"),
            "script": subprocess.run(["sh", "/start.sh"]).returncode,
            "usr": os.path.exists("/usr/src/app/data.txt"),
            "beside": read("/tmp/of/image.txt"),
        }))
        """
    found = await outcome(warm_launcher, programs, source, replace(confinement(programs.folder, network), root=root))

    assert found == {
        "app": "app/data.txt",
        "link": "app/data.txt",
        "script": 3,
        "usr": False,
        "beside": "tmp/of/image.txt",
    }
    assert (root / "app" / "written").read_text() == "by the job"
    assert not Path("/app/written").exists()
    assert not Path("/usr/src/app/data.txt").exists()


async def test_it_reaches_the_networks_listener(warm_launcher: Launcher, network: Network, programs: Programs) -> None:
    network.listening.listen()
    network.listening.settimeout(0)

    async def answer() -> None:
        connection, _ = await asyncio.get_running_loop().sock_accept(network.listening)
        with connection:
            connection.send(b'{"from": "outside"}')

    source = f"""
        import socket
        print(socket.create_connection(("127.0.0.1", {PORT})).recv(100).decode())
        """
    answering = asyncio.create_task(answer())
    assert await outcome(warm_launcher, programs, source, confinement(programs.folder, network)) == {"from": "outside"}
    await answering


async def test_processes_of_a_network_reach_each_other(
    warm_launcher: Launcher, network: Network, programs: Programs
) -> None:
    wanted = confinement(programs.folder, network)
    programs.write(
        """
        import socket
        listener = socket.create_server(("127.0.0.1", 0))
        print("port", listener.getsockname()[1], flush=True)
        listener.accept()[0].send(b'{"from": "the other"}')
        """,
        "server",
    )
    command = programs.command("")
    server = await warm_launcher.launch(replace(command, module="server", confinement=wanted), programs.on_output)
    await programs.wait_for("port")
    port = int(programs.text().split()[1])

    source = f"import socket; print(socket.create_connection(('127.0.0.1', {port})).recv(100).decode())"
    assert await outcome(warm_launcher, programs, source, wanted) == {"from": "the other"}
    assert (await server.wait()).ok


async def test_it_has_no_descriptor_but_its_streams(
    warm_launcher: Launcher, network: Network, programs: Programs
) -> None:
    source = """
        import json, os
        print(json.dumps({name: os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")[:-1]}))
        """
    found = await outcome(warm_launcher, programs, source, confinement(programs.folder, network))

    assert found.keys() == {"0", "1", "2"}
    assert found["0"] == os.devnull
    assert all(found[name].startswith("pipe:") for name in "12")


async def test_its_limits(warm_launcher: Launcher, network: Network, programs: Programs) -> None:
    source = """
        import json, os, resource
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
        print(json.dumps({
            "core": resource.getrlimit(resource.RLIMIT_CORE),
            "processes": resource.getrlimit(resource.RLIMIT_NPROC),
            "out of memory": open("/proc/self/oom_score_adj").read().strip(),
            "capabilities": status["CapEff"], "privileges": status["NoNewPrivs"], "working directory": os.getcwd(),
        }))
        """
    wanted = replace(confinement(programs.folder, network), max_processes=1000)
    found = await outcome(warm_launcher, programs, source, wanted)

    assert found == {
        "core": [0, 0],
        "processes": [1000, 1000],
        "out of memory": "500",
        "capabilities": f"{0x1F if os.getuid() == 0 else 0:016x}",
        "privileges": "1",
        "working directory": str(programs.folder),
    }


async def test_its_root_has_nothing_else(warm_launcher: Launcher, network: Network, programs: Programs) -> None:
    source = "import json, os; print(json.dumps({path: os.listdir(path) for path in ('/', '/run', '/etc', '/dev')}))"
    found = await outcome(warm_launcher, programs, source, confinement(programs.folder, network))

    assert ".machine" not in found["/"]
    assert found["/run"] == []
    assert {"hosts", "passwd"} <= set(found["/etc"])
    assert not {"shadow", "gshadow", "sudoers"} & set(found["/etc"])
    assert {"null", "urandom", "shm", "pts", "ptmx"} <= set(found["/dev"])


async def test_a_module_of_its_own_is_not_shadowed(
    warm_launcher: Launcher, network: Network, programs: Programs
) -> None:
    programs.write("own = True", "resource")

    source = "import json, resource; print(json.dumps({'own': resource.own}))"
    assert await outcome(warm_launcher, programs, source, confinement(programs.folder, network)) == {"own": True}


STUBBORN = """
    import os, signal, subprocess, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    print("pids", os.getpid(), child.pid, flush=True)
    time.sleep(600)
    """


async def test_it_is_stopped_with_all_that_it_started(
    warm_launcher: Launcher, network: Network, programs: Programs
) -> None:
    command = replace(programs.command(STUBBORN), confinement=confinement(programs.folder, network))
    process = await warm_launcher.launch(command, programs.on_output)
    await programs.wait_for("pids")

    pids = [int(pid) for pid in programs.text().split()[1:]]
    assert (await process.stop(0.1)).signal == signal.SIGKILL
    await until_gone(pids)


async def test_it_ends_with_its_supervisor(warm_launcher: Launcher, network: Network, programs: Programs) -> None:
    command = replace(programs.command(STUBBORN), confinement=confinement(programs.folder, network))
    process = await warm_launcher.launch(command, programs.on_output)
    await programs.wait_for("pids")

    await until_gone([process.pid], lambda: os.kill(parent_of(process.pid), signal.SIGKILL))
    assert (await process.wait()).signal == signal.SIGKILL


async def test_what_cannot_be_confined_does_not_run(
    warm_launcher: Launcher, network: Network, programs: Programs
) -> None:
    command = programs.command("open('ran', 'w')")
    wanted = confinement(programs.folder, network)
    with socket.socket() as none:
        broken = {
            "absent: No such file or directory": replace(wanted, write=(programs.folder, programs.folder / "absent")),
            "setns: Invalid argument": replace(wanted, network=Network(none.fileno(), none.fileno(), none)),
        }
        for reason, confined in broken.items():
            with pytest.raises(FailedPrecondition, match=f"cannot be confined: .*{reason}"):
                await run(warm_launcher, replace(command, confinement=confined), programs.on_output)

    assert not (programs.folder / "ran").exists()
    assert (await run(warm_launcher, replace(command, confinement=wanted), programs.on_output)).ok
    assert (programs.folder / "ran").exists()


async def test_networks_are_separate_and_end(warm_launcher: Launcher, programs: Programs) -> None:
    networks = [await warm_launcher.create_network(PORT) for _ in range(3)]

    assert len({os.stat(network.network_namespace).st_ino for network in networks}) == 3
    for network in networks:
        assert network.listening.getsockname() == ("127.0.0.1", PORT)
        network.close()
