"""Overlapping requests to one endpoint: no change that a response confirmed is lost, whichever request has to wait for
the backend.

The backend's results are held back, and released one at a time in an order that hypothesis chooses.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud.backends.memory import MemoryBackend
from cloud.resources import Json
from emulator_api.api_client import Answer
from emulator_api.backends import OBJECTS
from emulator_api.vertex_api import PARENT, VertexApi, deployment, model

READS = ("get_model", "ml_service_account")
"""What nearly every request begins with."""
HELD = (*READS, "create_model", "delete_model", "create_version", "wait_for_version", "get_version", "delete_version")
ENDPOINT = "/endpoints/mine"
MOST = 3
"""Deployed models at a time."""


class HeldBackend(MemoryBackend):
    """Each answer that a request waits for comes when the test releases it."""

    def __init__(self) -> None:
        super().__init__(objects=OBJECTS)
        self.is_holding = self.holds_reads = False
        self.waiting: list[asyncio.Future[None]] = []
        self.depth = 0
        """Of the methods under way: what one calls of its own is not held."""
        for name in HELD:
            setattr(self, name, self._held(getattr(self, name), is_read=name in READS))

    def _held(self, call: Callable[..., Awaitable[Any]], *, is_read: bool) -> Callable[..., Awaitable[Any]]:
        async def held(*given: Any, **named: Any) -> Any:
            if self.is_holding and not self.depth and (self.holds_reads or not is_read):
                released = asyncio.get_running_loop().create_future()
                self.waiting.append(released)
                await released
            self.depth += 1
            try:
                return await call(*given, **named)
            finally:
                self.depth -= 1

        return held


class Endpoint(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.backend = HeldBackend()
        self.requests: set[asyncio.Task[None]] = set()
        self.answers: list[tuple[Callable[[Answer], None], Answer]] = []
        self.operations: dict[str, Json] = {}
        """Of deployments under way, with the split that each asked for."""
        self.effects: list[Json] = []
        """Splits of traffic that took effect in this step."""
        self.splits: list[Json] = [{}]
        """Any of which may be the endpoint's."""
        self.replicas: dict[str, int] = {}
        self.found: Json = {}
        """The endpoint as it is now; empty if there is none."""

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def ask(self, verb: str, path: str, body: Json, then: Callable[[Answer], None]) -> None:
        """Send a request, and let it come as far as the first answer that is held."""

        async def send() -> None:
            self.answers.append((then, await self.api.send(verb, self.api.root + path, body)))

        self.requests.add(self.loop.create_task(send()))
        self._go_on()

    def _go_on(self) -> None:
        async def turns() -> None:
            for _ in range(60):
                await asyncio.sleep(0)

        self.run(turns())
        for task in [task for task in self.requests if task.done()]:
            self.requests.discard(task)
            task.result()
        self._look()
        while self.answers:
            then, answer = self.answers.pop(0)
            then(answer)
        self._see_deployments()
        if self.effects:
            self.splits, self.effects = self.effects, []

    def _look(self) -> None:
        found = self._now("GET", ENDPOINT)
        self.found = found.json if found.status == 200 else {}

    def _see_deployments(self) -> None:
        for name, split in list(self.operations.items()):
            answer = self._now("GET", name.removeprefix(PARENT))
            if answer.status == 404 or "done" not in answer.json:
                continue
            del self.operations[name]
            if "response" in answer.json:
                number = answer.json["response"]["deployedModel"]["id"]
                self.replicas[number] = 1
                split = {number if key == "0" else key: share for key, share in split.items()}
                # It applies unless it names one that has gone meanwhile.
                self.effects += [split] if set(split) <= {*self.deployed()} else [*self.splits, split]

    def _now(self, verb: str, path: str) -> Answer:
        was_holding, self.backend.is_holding = self.backend.is_holding, False
        try:
            return self.run(self.api.send(verb, self.api.root + path))
        finally:
            self.backend.is_holding = was_holding

    def deployed(self) -> list[str]:
        return [one["id"] for one in self.found.get("deployedModels", [])]

    # ---------------------------------------------------------------- requests

    @initialize(holds_reads=st.booleans())
    def begin(self, holds_reads: bool) -> None:
        async def begin() -> str:
            self.api = VertexApi(self.backend, Path(self.folder.name))
            await self.api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
            return (await self.api.ask("POST", "/models:upload", model()))["response"]["model"]

        self.model = self.run(begin())
        # The first gets all traffic: of one alone, nothing can be lost.
        for _ in range(MOST):
            self.deploy_now()
        self.backend.is_holding, self.backend.holds_reads = True, holds_reads

    def deploy_now(self) -> None:
        split = self.found.get("trafficSplit") or {"0": 100}
        operation = self.run(self.api.ask("POST", f"{ENDPOINT}:deployModel", deployment(self.model, split)))
        self.run(self.api.ask("POST", operation["name"].removeprefix(PARENT) + ":wait?timeout=5s"))
        self._look()
        self.splits, self.replicas = [self.found["trafficSplit"]], dict.fromkeys(self.deployed(), 1)

    @rule()
    def create(self) -> None:
        def then(answer: Answer) -> None:
            assert answer.status in (200, 409)
            if answer.status == 200:
                self.effects.append({})

        self.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"}, then)

    @precondition(lambda self: len(self.deployed()) + len(self.operations) < MOST)
    @rule(share=st.sampled_from([100, 60]), data=st.data())
    def deploy(self, share: int, data: st.DataObject) -> None:
        others = self.deployed()
        split = {"0": 100} if share == 100 or not others else {"0": 60, data.draw(st.sampled_from(others)): 40}

        def then(answer: Answer) -> None:
            assert answer.status in (200, 400, 404), answer.text
            if answer.status == 200:
                self.operations[answer.json["name"]] = split

        self.ask("POST", f"{ENDPOINT}:deployModel", deployment(self.model, split), then)

    @precondition(lambda self: self.deployed())
    @rule(moves=st.sampled_from([False, False, True]), data=st.data())
    def undeploy(self, moves: bool, data: st.DataObject) -> None:
        ids = self.deployed()
        split_now = self.found.get("trafficSplit", {})
        # Mostly one that may go as it is: others are refused.
        number = data.draw(st.sampled_from([number for number in ids if number not in split_now] or ids))
        others = [other for other in ids if other != number]
        self._undeploy(number, {data.draw(st.sampled_from(others)): 100} if moves and others else None)

    def _undeploy(self, number: str, split: Json | None) -> None:
        def then(answer: Answer) -> None:
            assert answer.status in (200, 400, 404), answer.text
            if answer.status != 200:
                return
            if not self.deployed():
                self.effects.append({})
            elif split:
                self.effects.append(split)

        body = {"deployedModelId": number} | ({"trafficSplit": split} if split else {})
        self.ask("POST", f"{ENDPOINT}:undeployModel", body, then)

    @precondition(lambda self: self.deployed() and self.requests)
    @rule(share=st.sampled_from([50, 70]), data=st.data())
    def patch_traffic_meanwhile(self, share: int, data: st.DataObject) -> None:
        self._patch(share, data)

    @precondition(lambda self: self.deployed())
    @rule(share=st.sampled_from([100, 70, 50]), data=st.data())
    def patch_traffic(self, share: int, data: st.DataObject) -> None:
        self._patch(share, data)

    def _patch(self, share: int, data: st.DataObject) -> None:
        self._send_split(_split(data.draw(st.permutations(self.deployed())), share))

    def _send_split(self, split: Json) -> None:
        def then(answer: Answer) -> None:
            assert answer.status in (200, 400, 404), answer.text
            if answer.status == 200:
                self.effects.append(split)

        self.ask("PATCH", f"{ENDPOINT}?updateMask=trafficSplit", {"trafficSplit": split}, then)

    @precondition(lambda self: self.deployed())
    @rule(count=st.integers(1, 5), data=st.data())
    def mutate(self, count: int, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.deployed()))

        def then(answer: Answer) -> None:
            assert answer.status in (200, 400, 404), answer.text
            if answer.status == 200:
                self.replicas[number] = count

        change = {"id": number, "dedicatedResources": {"minReplicaCount": count}}
        body = {"deployedModel": change, "updateMask": "dedicatedResources.minReplicaCount"}
        self.ask("POST", f"{ENDPOINT}:mutateDeployedModel", body, then)

    @rule()
    def delete(self) -> None:
        def then(answer: Answer) -> None:
            assert answer.status in (200, 400, 404), answer.text

        self.ask("DELETE", ENDPOINT, b"", then)

    # ---------------------------------------------------------------- one request while another waits

    @precondition(lambda self: self.idle_models() and len(self.deployed()) > 2)
    @rule(released=st.integers(0, 2), share=st.sampled_from([70, 50]), undeploys_first=st.booleans(), data=st.data())
    def overlap(self, released: int, share: int, undeploys_first: bool, data: st.DataObject) -> None:
        """One request waits for the backend's first, second or third result until the other is done."""
        self._release_all()
        idle = self.idle_models()
        if not idle or len(self.deployed()) < 3:
            return
        number = data.draw(st.sampled_from(idle))
        split = _split(data.draw(st.permutations([other for other in self.deployed() if other != number])), share)
        requests = [lambda: self._undeploy(number, None), lambda: self._send_split(split)]
        first, second = requests if undeploys_first else reversed(requests)
        first()
        self._release_last(released)
        second()
        self._release_all()

    def idle_models(self) -> list[str]:
        """Deployed models without traffic."""
        return [number for number in self.deployed() if number not in self.found.get("trafficSplit", {})]

    def _release_last(self, count: int) -> None:
        for _ in range(count):
            if self.backend.waiting:
                self.backend.waiting.pop().set_result(None)
                self._go_on()

    def _release_all(self) -> None:
        while self.backend.waiting:
            self._release_last(1)

    # ---------------------------------------------------------------- results of the backend

    @precondition(lambda self: self.backend.waiting)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.backend.waiting) - 1))
        self.backend.waiting.pop(place).set_result(None)
        self._go_on()

    # ---------------------------------------------------------------- what holds at any time

    @invariant()
    def nothing_that_was_answered_is_lost(self) -> None:
        if not self.found:
            return
        split = self.found.get("trafficSplit", {})
        listed = self.found.get("deployedModels", [])
        assert split in self.splits
        assert set(split) <= {one["id"] for one in listed}
        assert sum(split.values()) in (0, 100)
        for one in listed:
            assert one["dedicatedResources"]["minReplicaCount"] == self.replicas[one["id"]]

    def teardown(self) -> None:
        if not hasattr(self, "api"):
            return
        try:
            self._release_all()
            assert not self.requests
            self.nothing_that_was_answered_is_lost()
            assert {version for _, version in self.backend.versions} == {f"deployed_{one}" for one in self.deployed()}
        finally:
            self.run(self.api.emulated.close())
            self.loop.close()
            self.folder.cleanup()


def _split(ids: Sequence[str], share: int) -> Json:
    return {ids[0]: 100} if share == 100 or len(ids) == 1 else {ids[0]: share, ids[1]: 100 - share}


TestEndpoint = Endpoint.TestCase
# A failure of eight steps can be read as it is: to shrink it takes minutes.
TestEndpoint.settings = settings(
    max_examples=12, stateful_step_count=8, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)


def test_traffic_that_is_patched_during_an_undeployment_is_kept() -> None:
    endpoint = Endpoint()
    try:
        endpoint.begin(holds_reads=False)
        (idle, other), (serving,) = endpoint.idle_models(), endpoint.found["trafficSplit"]
        endpoint._undeploy(idle, None)
        assert endpoint.backend.waiting, "the undeployment waits for the backend"
        endpoint._send_split({serving: 30, other: 70})
        endpoint._release_all()
        assert endpoint.found["trafficSplit"] == {serving: 30, other: 70}
        assert idle not in endpoint.deployed()
    finally:
        endpoint.teardown()
