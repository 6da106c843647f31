"""Jobs, package builds and models, as code that strangers wrote, against the machine of the user who runs them.

Each attack is tried unconfined, too: there it succeeds. On machines that can confine less, it succeeds as far as the
line at the start says.
"""

import json
import os
import socket
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.confinement.confiner import UNCONFINED, Access, Confiner, Means
from cloud.engine.confinement.layers import Findings, Layers, judge, probe
from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes.python_code import MODULE
from cloud.engine.runtimes.runtime import Runtime
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import Framework, Service, TrainingSpec, VersionSpec
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, LauncherKind, Settings, runtimes_dir
from cloud.testing.contract.base import TIMEOUT, Contract
from integration.serving.clouds import Cloud, RecordingLauncher

ATTACKER = Path(__file__).with_name("attacker.py").read_text()
Targets = Mapping[str, tuple[str, object]]
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not all(layer.is_held for layer in (probe().files, probe().signals, probe().network)),
        reason="this machine cannot confine processes in every way",
    ),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    """What is to be kept from attackers, besides a cloud's own: a home folder, programs that listen, this process."""
    folder = Path(tempfile.mkdtemp())  # a short path, for the socket
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("secret")
    with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as local, socket.socket() as network:
        patch.setenv("CLOUD_RUNTIMES", str(runtimes_dir()))
        patch.setenv("HOME", str(home))
        local.bind(str(folder / "socket"))
        network.bind(("127.0.0.1", 0))
        for listening in (local, network):
            listening.listen()
        yield {
            "read a key in the home folder": ("read", str(home / ".ssh" / "id_rsa")),
            "change a file in the home folder": ("write", str(home / ".ssh" / "id_rsa")),
            "read the server's variables": ("read", f"/proc/{os.getpid()}/environ"),
            "read the server's files": ("read", f"/proc/{os.getpid()}/root{home}/.ssh/id_rsa"),
            "signal the server": ("signal", os.getpid()),
            "change the server's limits": ("limit", os.getpid()),
            "reach a program's port": ("connect", f"http://127.0.0.1:{network.getsockname()[1]}"),
            "reach a program's socket": ("connect to socket", str(folder / "socket")),
        }


SOCKETS = frozenset({"reach a program's socket"})
NETWORK = SOCKETS | {"reach a program's port", "reach the owner's address", "reach the gateway"}
REFUSED = "user namespaces are refused here"
MACHINES = {
    "that can all": (ConfineMode.REQUIRE, None, frozenset()),
    "without namespaces": (ConfineMode.AUTO, Findings(landlock=7, namespaces=REFUSED), SOCKETS),
    "that can files only": (
        ConfineMode.AUTO,
        Findings(landlock=3, namespaces=REFUSED),
        NETWORK | {"signal the server", "change the server's limits", "use Docker's API"},
    ),
    "where nothing is confined": (ConfineMode.OFF, None, None),
}
"""With the attacks that succeed there; None: all."""


@dataclass(frozen=True)
class Victim:
    cloud: LocalCloud
    successful: frozenset[str] | None


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=MACHINES.values(), ids=MACHINES)
async def victim(
    request: pytest.FixtureRequest, machine: Targets, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Victim]:
    mode, found, successful = request.param
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        if found:
            patch.setattr("cloud.engine.confinement.layers.probe", lambda: judge(found))
        async with LocalCloud(Settings(state_dir=state, launcher=LauncherKind.COLD, confine=mode)) as cloud:
            yield Victim(cloud, successful)


async def secrets_of(cloud: LocalCloud) -> Targets:
    """What a cloud has that no job may have."""
    state = cloud.state_dir
    environ = await cloud.owner_environ()
    return {
        "read the owner's key": ("read", environ["GOOGLE_APPLICATION_CREDENTIALS"]),
        "read another job's log": ("read", str(next((state / "jobs" / "logs").iterdir()))),
        "write the records of jobs": ("write", str(state / "jobs" / "jobs.sqlite")),
        "read the records of versions": ("read", str(state / "serving" / "serving.sqlite")),
        "reach the owner's address": ("connect", environ["STORAGE_EMULATOR_HOST"]),
        "use Docker's API": ("docker", environ["DOCKER_HOST"].removeprefix("unix://")),
    }


def check(found: Mapping[str, str], successful: Set[str] | None) -> None:
    """Those attacks succeeded that can there, and no other."""
    expected = set(found) if successful is None else found.keys() & successful
    assert {name for name, error in found.items() if not error} == expected, found


@pytest.mark.parametrize("service", list(Service))
async def test_a_job(victim: Victim, machine: Targets, tmp_path: Path, service: Service) -> None:
    cloud = victim.cloud
    contract, backend = Contract(), cloud.backend
    bucket = await contract.open_bucket(backend)
    if service is Service.ML_ENGINE:
        await contract.train(backend, bucket, tmp_path, "print('the log of another')")
        targets = json.dumps({**machine, **await secrets_of(cloud)})
        job = await contract.train(backend, bucket, tmp_path, ATTACKER, targets)
    else:
        targets = json.dumps({**machine, **await secrets_of(cloud)})
        spec = TrainingSpec("1", (), MODULE, args=(ATTACKER, targets), service=service)
        job = await backend.wait_for_job((await backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    assert job.state is JobState.SUCCEEDED, job.error_message
    lines = await contract.output(backend, job)
    found = json.loads(next(line for line in lines if line.startswith("attacked ")).partition(" ")[2])
    assert len(found) == len(machine) + 6
    check(found, victim.successful)


async def test_a_package_that_is_built(victim: Victim, machine: Targets, tmp_path: Path) -> None:
    cloud, backend = victim.cloud, victim.cloud.backend
    bucket = await Contract().open_bucket(backend)
    await Contract().train(backend, bucket, tmp_path, "print('the log of another')")
    targets = {**machine, **await secrets_of(cloud), "reach the gateway": ("connect", cloud.url)}
    setup = f"{ATTACKER.partition('if __name__')[0]}\nraise SystemExit('attacked ' + json.dumps(attack({targets!r})))\n"
    archive = tmp_path / "evil-1.tar.gz"
    (tmp_path / "setup.py").write_text(setup)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "setup.py", "evil-1/setup.py")
    package = GsUri(bucket, "evil-1.tar.gz")
    await backend.upload(archive, package)

    job = await backend.submit_job(TrainingSpec("evil", (package,), "evil.task"))
    job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)

    assert job.state is JobState.FAILED
    line = next(line for line in job.error_message.splitlines() if line.startswith("attacked "))
    check(json.loads(line.partition(" ")[2]), victim.successful)


LIBRARY = """
import json
class Doubles:
    def predict(self, instances):
        return [json.dumps(attack(instances[0]))]
"""


@pytest.mark.parametrize("mode", [ConfineMode.REQUIRE, ConfineMode.OFF])
async def test_a_model_that_runs_code(machine: Targets, tmp_path: Path, mode: ConfineMode) -> None:
    library, models = tmp_path / "library" / "sklearn", tmp_path / "models" / "evil"
    for folder in (library, models):
        folder.mkdir(parents=True)
    (library / "__init__.py").write_text(ATTACKER.partition("if __name__")[0] + LIBRARY)
    (models / "model.pkl").write_bytes(b"csklearn\nDoubles\n(t\x81.")
    runtime = Runtime("own", "scikit-learn 9", Interpreter(Path(sys.executable)), (), (library.parent,))

    async def prepare(*_: object) -> Runtime:
        return runtime

    async def serve(*_: object) -> None:
        raise AssertionError("models reach no gateway")

    launcher = RecordingLauncher(LauncherKind.COLD)
    launcher.started = []

    async def layers() -> Layers:
        return probe()

    means = Means(layers, launcher, Access(1234, (tmp_path / "ca.pem",), serve))  # type: ignore[arg-type]
    confiner = Confiner(means) if mode is ConfineMode.REQUIRE else UNCONFINED
    serving = Cloud(tmp_path / "state", launcher, tmp_path / "models")
    async with serving.service(prepare=prepare, confiner=confiner) as service:
        await service.create_model("m")
        await service.create_version(VersionSpec("m", "v", GsUri("bucket", "evil"), framework=Framework.SCIKIT_LEARN))
        version = await service.wait_for_version("m", "v", timeout=TIMEOUT)
        assert version.state is VersionState.READY, version.error_message
        targets = {**machine, "change the records of versions": ("write", str(tmp_path / "state" / "serving.sqlite"))}
        [found] = await service.predict("m", [targets])
    await launcher.close()
    check(json.loads(str(found)), frozenset() if mode is ConfineMode.REQUIRE else None)
