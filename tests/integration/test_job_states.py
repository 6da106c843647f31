"""Jobs as real processes, over HTTP, against a model that knows each trainer's behaviour: ids, states, errors, cancels.

``EXAMPLES=20 STEPS=30 pytest ...`` sets the number of examples and of their steps.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.probes import wheel
from emulator_api.ml_requests import training_job
from integration.owner import FINAL, ML, PROJECT, Owner

TRAINER = """
import signal, sys
{"succeeds": lambda: print("done"), "fails": lambda: sys.exit("no good"), "waits": signal.pause}[sys.argv[1]]()
"""
ENDS = {"succeeds": "SUCCEEDED", "fails": "FAILED"}
STATES = ("QUEUED", "PREPARING", "RUNNING", "CANCELLING")


class Jobs(RuleBasedStateMachine):
    number = 0

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        Jobs.number += 1
        self.owner, self.run = owner, Jobs.number
        self.behaviours: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.ended: dict[str, str] = {}

    def send(self, verb: str, path: str, body: object = None) -> tuple[int, dict]:
        return self.owner.json(verb, ML, f"{PROJECT}/jobs{path}", body)

    @rule(number=st.integers(0, 5), behaviour=st.sampled_from(["succeeds", "fails", "waits"]))
    def create(self, number: int, behaviour: str) -> None:
        name = f"job_{self.run}_{number}"
        given = {"packageUris": ["gs://jobs/does-1-py3-none-any.whl"], "pythonModule": "does", "args": [behaviour]}
        status, response = self.send("POST", "", training_job(name, **given))
        if name in self.behaviours:
            assert (status, response["error"]["status"]) == (409, "ALREADY_EXISTS")
        else:
            assert (status, response["state"]) == (200, "QUEUED")
            self.behaviours[name] = behaviour

    def check_state(self, name: str) -> str:
        """Check that the job's state is possible; returns it."""
        status, job = self.send("GET", f"/{name}")
        assert status == 200
        state = job["state"]
        if name in self.ended:
            assert state == self.ended[name], "a final state does not change"
        elif state not in STATES:
            may = {ENDS.get(self.behaviours[name])} | ({"CANCELLED"} if name in self.cancelled else set())
            assert state in may, job
            assert ("no good" in job.get("errorMessage", "")) == (state == "FAILED")
            self.ended[name] = state
        assert (state in ("CANCELLING", "CANCELLED")) <= (name in self.cancelled)
        assert ("endTime" in job) == (state not in STATES)
        return state

    @precondition(lambda self: self.behaviours)
    @rule(data=st.data())
    def check_one(self, data: st.DataObject) -> None:
        self.check_state(data.draw(st.sampled_from(sorted(self.behaviours))))

    @precondition(lambda self: self.behaviours)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.behaviours)))
        status, response = self.send("POST", f"/{name}:cancel", {})
        if status == 200:
            assert name not in self.ended
            self.cancelled.add(name)
        else:
            assert (status, response["error"]["status"]) == (400, "FAILED_PRECONDITION")
            assert self.check_state(name) in ENDS.values() or name in self.cancelled

    @precondition(lambda self: any(behaviour != "waits" for behaviour in self.behaviours.values()))
    @rule(data=st.data())
    def wait_for_one(self, data: st.DataObject) -> None:
        # Also one that has ended already: that depends on timing, and an example must be repeatable.
        self.wait(
            data.draw(
                st.sampled_from(sorted(name for name, behaviour in self.behaviours.items() if behaviour != "waits"))
            )
        )

    def wait(self, name: str) -> None:
        *_, job = self.owner.poll_until(name, *FINAL)
        assert job["state"] == self.check_state(name)

    @rule(size=st.integers(1, 3))
    def list_pages(self, size: int) -> None:
        listed, token = [], ""
        while True:
            query = f"?pageSize={size}&pageToken={token}&filter=jobId:job_{self.run}_*"
            status, response = self.send("GET", query)
            assert status == 200, response
            listed += [job["jobId"] for job in response.get("jobs", [])]
            token = response.get("nextPageToken", "")
            if not token:
                break
        assert listed == list(reversed(self.behaviours))

    def teardown(self) -> None:
        for name in self.behaviours:
            if self.behaviours[name] == "waits" and name not in self.ended:
                status, _ = self.send("POST", f"/{name}:cancel", {})
                assert status == 200 or self.check_state(name) == "CANCELLED"
                self.cancelled.add(name)
        for name in self.behaviours:
            self.wait(name)


@pytest.fixture(scope="module")
def owner() -> Iterator[Owner]:
    settings = Settings(launcher=LauncherKind.COLD, concurrent_jobs=6, cancel_grace_seconds=0.5)
    with BackgroundCloud(settings) as cloud:
        owner = Owner(cloud)
        owner.open_bucket("jobs")
        assert owner.put("jobs", "does-1-py3-none-any.whl", wheel("does", TRAINER)) == 200
        yield owner


def test_jobs(owner: Owner) -> None:
    drawn = settings(
        max_examples=int(os.environ.get("EXAMPLES", "6")),
        stateful_step_count=int(os.environ.get("STEPS", "10")),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(lambda: Jobs(owner), settings=drawn)
