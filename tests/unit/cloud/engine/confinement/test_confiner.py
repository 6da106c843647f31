"""What each kind of process gets, with and without the layers of a machine."""

import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cloud.engine.confinement.confiner import UNCONFINED, Access, Confiner, Means, Programs
from cloud.engine.confinement.layers import Findings, Layers, judge
from cloud.engine.launch.command import Interpreter
from cloud.engine.launch.confinement import Confinement
from cloud.engine.launch.network import Network
from cloud.errors import FailedPrecondition

GATEWAY = 4321
ALONE = 4322


class Machine:
    """Makes networks, and serves in them; ``events`` is what happened."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.serves = True

    async def create_network(self, port: int) -> Network:
        self.events.append(f"network with port {port}")
        self.network = Network(os.open("/", os.O_RDONLY), os.open("/", os.O_RDONLY), socket.socket())
        return self.network

    async def serve(self, listening: socket.socket, programs: Programs) -> Callable[[], Awaitable[None]]:
        if not self.serves:
            raise FailedPrecondition("no file descriptors are left")
        assert listening is self.network.listening
        programs.report("serving", "")

        async def end() -> None:
            assert self.is_open  # its socket is closed later
            self.events.append("served")

        return end

    async def alone(self, programs: Programs) -> tuple[Access, Callable[[], Awaitable[None]]]:
        programs.report("serving alone", "")

        async def end() -> None:
            self.events.append("served alone")

        return Access(ALONE, (), self.serve), end

    @property
    def access(self) -> Access:
        return Access(GATEWAY, (Path("/ca.pem"),), self.serve, {}, self.alone)

    def programs(self) -> Programs:
        return Programs("job", lambda line, _: self.events.append(line), print)

    @property
    def is_open(self) -> bool:
        return self.network.listening.fileno() >= 0

    def confiner(self, found: Findings) -> Confiner:
        async def layers() -> Layers:
            return judge(found)

        return Confiner(Means(layers, self, reads=(Path("/data"),)))


async def test_the_replicas_of_an_execution_share_a_network_that_ends_with_it() -> None:
    machine = Machine()
    confiner = machine.confiner(Findings(landlock=7))
    async with confiner.job_network(machine.access, machine.programs()) as (network, _):
        replica = await confiner.replica(
            Interpreter(), (), write=(Path("/job"),), access=machine.access, network=network, ports=(7, 8)
        )
        assert replica is not None
        assert (replica.network, replica.write) == (network, (Path("/job"),))
        assert (replica.files, replica.signals) == (True, True)
        assert {Path("/ca.pem"), Path("/data")} <= set(replica.read)
        assert machine.is_open

    assert machine.events == [f"network with port {GATEWAY}", "serving", "served"]
    assert not machine.is_open


async def test_a_network_that_cannot_be_served_is_closed() -> None:
    machine = Machine()
    machine.serves = False
    with pytest.raises(FailedPrecondition):
        async with machine.confiner(Findings(landlock=7)).job_network(machine.access, machine.programs()):
            pass
    assert not machine.is_open


async def test_a_process_that_uses_no_network_gets_one_in_which_nobody_listens() -> None:
    machine = Machine()
    async with machine.confiner(Findings(landlock=7)).offline([Interpreter()], (), write=()) as confinement:
        assert confinement is not None
        assert confinement.network is machine.network
        assert not machine.is_open
        assert Path("/data") not in confinement.read


async def test_without_namespaces_replicas_reach_the_gateway_and_each_other_by_ports() -> None:
    machine = Machine()
    confiner = machine.confiner(Findings(landlock=4, namespaces="refused"))
    async with confiner.job_network(machine.access, machine.programs()) as (network, _):
        replica = await confiner.replica(
            Interpreter(), (), write=(), access=machine.access, network=network, ports=(7, 8)
        )
    async with confiner.offline([Interpreter()], (), write=()) as build:
        pass

    assert replica is not None
    assert build is not None
    assert (replica.network, replica.ports, build.ports) == (None, (GATEWAY, 7, 8, 0), ())
    assert (replica.files, replica.signals) == (True, False)
    assert machine.events == ["serving alone", "served alone"]


@pytest.mark.parametrize("confiner", [UNCONFINED, Machine().confiner(Findings(landlock=7, namespaces="refused"))])
async def test_without_networks_an_execution_has_an_address_of_its_own(confiner: Confiner) -> None:
    machine = Machine()
    async with confiner.job_network(machine.access, machine.programs()) as (
        network,
        access,
    ):
        assert network is None
        assert access is not None
        replica = await confiner.replica(Interpreter(), (), write=(), access=access, network=network, ports=(7,))
        assert replica is None or replica.is_free or ALONE in (replica.ports or ())
        assert machine.events == ["serving alone"]
    assert machine.events == ["serving alone", "served alone"]


async def test_what_a_machine_cannot_do_is_not_asked_of_it() -> None:
    confiner = Machine().confiner(Findings(landlock=3, namespaces="refused"))
    async with confiner.offline([Interpreter()], (), write=()) as build:
        assert build is not None
        assert (build.network, build.ports, build.files, build.signals) == (None, None, True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can write in /gcs")
async def test_of_unconfined_processes_only_replicas_get_a_folder_of_their_own() -> None:
    async with UNCONFINED.job_network(None, Programs("job", print, print)) as (network, access):
        assert (network, access) == (None, None)
        replica = await UNCONFINED.replica(Interpreter(), (), write=(), access=None, network=None, ports=())
        assert replica == Confinement(files=False, ports=None, is_free=True)
    async with UNCONFINED.offline([Interpreter()], (), write=()) as build:
        assert build is None
