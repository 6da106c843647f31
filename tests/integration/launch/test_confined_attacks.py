"""What a confined process is refused, and that it succeeds without the confinement."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.launch.client import Launcher
from cloud.engine.launch.network import Network
from integration.launch import attacks
from integration.launch.attacks import ATTACKS, NAMES, NETWORK
from integration.launch.confined import INTERPRETERS, confinement, outcome
from integration.launch.machine import Machine
from integration.launch.programs import Programs, linux_only

pytestmark = [linux_only, pytest.mark.asyncio(loop_scope="module")]

NEEDS_ROOT = {"open_packets", "mount", "run_setuid_program"}
MAY_BE_MISSING = {"connect_many_paths", "set_up_io_uring", "read_memory"}
"""What a kernel may have been built or set without."""
WITHOUT_NAMESPACE = ATTACKS.keys() - {function.__name__ for function in NAMES}
REFUSED = {
    **{name: {"EPERM", "EACCES", "ENOENT", "ENOSYS", "EROFS"} for name in ATTACKS},
    "link_file": {"ENOENT", "EXDEV"},
    **{function.__name__: {"EACCES", "EPERM", "ECONNREFUSED", "ENETUNREACH"} for function in NETWORK},
    "listen_on_the_machine": {"EACCES", "EADDRNOTAVAIL"},
    "connect_many_paths": {"EPROTONOSUPPORT"},
    "open_packets": {"EAFNOSUPPORT"},
    "set_up_io_uring": {"ENOSYS"},
    "mount": {"EPERM"},
}

Outcomes = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    yield machine
    machine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=INTERPRETERS, ids=str)
async def outcomes(
    request: pytest.FixtureRequest,
    warm_launcher: Launcher,
    network: Network,
    machine: Machine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Outcomes:
    """Of all attacks, by how the process that tried them is confined: all three kinds in one kind of interpreter."""
    found = {}
    for kind in ("unconfined", "landlock", "namespace"):
        folder = tmp_path_factory.mktemp(kind)
        programs = Programs(folder, INTERPRETERS[request.param])
        wanted = confinement(folder, network if kind == "namespace" else None, machine.readable, machine.programs)
        targets = machine.targets(f"{kind}-{request.param}")
        source = Path(attacks.__file__).read_text()
        found[kind] = await outcome(warm_launcher, programs, source, None if kind == "unconfined" else wanted, targets)
    return found


@pytest.mark.parametrize("attack", ATTACKS)
async def test_refused_in_a_namespace(outcomes: Outcomes, attack: str) -> None:
    check(outcomes, "namespace", attack)


@pytest.mark.parametrize("attack", sorted(WITHOUT_NAMESPACE))
async def test_refused_without_a_namespace(outcomes: Outcomes, attack: str) -> None:
    check(outcomes, "landlock", attack)


def check(outcomes: Outcomes, kind: str, attack: str) -> None:
    free = outcomes["unconfined"][attack]
    if attack in NEEDS_ROOT and os.getuid() != 0:
        pytest.skip("only root could do it at all")
    if attack in MAY_BE_MISSING and free != "done":
        pytest.skip(f"this kernel refuses it to everybody: {free}")
    assert free == "done"
    assert outcomes[kind][attack] in REFUSED[attack]
