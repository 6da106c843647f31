"""Policies and ACLs of a bucket over HTTP, and a job's actual permissions, against a set of (role, member).

``EXAMPLES=500 STEPS=50 pytest ...`` runs more examples.
"""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

ACCOUNT = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"
JOB = f"serviceAccount:{ACCOUNT}"
ENTITY = {JOB: f"user-{ACCOUNT}", "allUsers": "allUsers", "user:guest@y.org": "user-guest@y.org"}
LEGACY = {"legacyBucketReader": "READER", "legacyBucketWriter": "WRITER", "legacyBucketOwner": "OWNER"}
"""From weak to strong: of a member's several roles the strongest is kept."""
ROLES_FOR_ACTION = {
    "read": {"objectViewer", "objectAdmin"},
    "list": {"objectViewer", "objectAdmin", *LEGACY},
    "create": {"objectCreator", "objectAdmin", "legacyBucketWriter", "legacyBucketOwner"},
}
ROLES = st.sampled_from(sorted({*LEGACY, *set().union(*ROLES_FOR_ACTION.values())}))
MEMBERS = st.sampled_from(sorted(ENTITY))
GRANTS = st.sets(st.tuples(ROLES, MEMBERS), max_size=4)


class Policies(RuleBasedStateMachine):
    number = 0

    def __init__(self, runner, endpoint):
        super().__init__()
        self.runner, self.endpoint = runner, endpoint
        Policies.number += 1
        self.bucket = f"policies-{Policies.number}"
        self.iam, self.acl = (f"/storage/v1/b/{self.bucket}/{what}" for what in ("iam", "acl"))
        self.old, self.policy = {"CAk="}, {}
        self.call("POST", "/storage/v1/b", json={"name": self.bucket})
        self.put("first", "owner")
        self.granted = set()
        self.put_policy(200, set())

    def call(self, verb, path, **options):
        return self.runner.run(self.endpoint.call(verb, path, **options))

    def put(self, name, caller):
        path = f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={name}"
        return self.call("POST", path, data=b"x", caller=caller)[0]

    def put_policy(self, expected, grants, **etag):
        bindings = [{"role": f"roles/storage.{role}", "members": [member]} for role, member in sorted(grants)]
        status, answer = self.call("PUT", self.iam, json={"bindings": bindings, "kind": "storage#policy"} | etag)
        assert status == expected, answer
        if status == 200:
            order = list(LEGACY)
            self.granted = {(role, who) for role, who in grants if role not in LEGACY}
            for member in ENTITY:
                if held := [role for role, who in grants if who == member and role in LEGACY]:
                    self.granted.add((max(held, key=order.index), member))

    @rule(grants=GRANTS)
    def replace(self, grants):
        self.put_policy(200, grants)

    @rule(grants=GRANTS)
    def replace_the_current_version(self, grants):
        self.put_policy(200, grants, etag=self.policy["etag"])

    @rule(grants=GRANTS)
    def replace_an_old_version(self, grants):
        self.put_policy(412, grants, etag=max(self.old))

    @rule(member=MEMBERS, role=st.sampled_from(sorted(LEGACY)))
    def put_in_the_acl(self, member, role):
        assert self.call("POST", self.acl, json={"entity": ENTITY[member], "role": LEGACY[role]})[0] == 200
        self.granted = {(held, who) for held, who in self.granted if who != member or held not in LEGACY}
        self.granted.add((role, member))

    @rule(member=MEMBERS)
    def remove_from_the_acl(self, member):
        held = {(role, who) for role, who in self.granted if who == member and role in LEGACY}
        assert self.call("DELETE", f"{self.acl}/{ENTITY[member]}")[0] == (204 if held else 404)
        self.granted -= held

    @invariant()
    def the_policy_shows_the_grants(self):
        status, found = self.call("GET", self.iam)
        assert status == 200
        if found["etag"] != self.policy.get("etag"):
            self.old.add(self.policy.get("etag", "CAk="))
            assert found["etag"] not in self.old
        self.policy = found
        assert {
            (binding["role"].removeprefix("roles/storage."), member)
            for binding in found["bindings"]
            for member in binding["members"]
        } == self.granted

    @invariant()
    def a_jobs_permissions_follow_from_the_grants(self):
        mine = {role for role, member in self.granted if member in (JOB, "allUsers")}
        # Replacing an object requires another permission.
        self.call("DELETE", f"/storage/v1/b/{self.bucket}/o/mine")
        may = {what for what, roles in ROLES_FOR_ACTION.items() if roles & mine}
        statuses = {
            "read": self.call("GET", f"/storage/v1/b/{self.bucket}/o/first?alt=media", caller="job")[0],
            "list": self.call("GET", f"/storage/v1/b/{self.bucket}/o", caller="job")[0],
            "create": self.put("mine", "job"),
        }
        for what, status in statuses.items():
            assert status == (200 if what in may else 403), (what, self.granted)


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


def test_policies(runner, new_endpoint, tmp_path):
    context = new_endpoint(tmp_path)
    endpoint = runner.run(context.__aenter__())
    drawn = settings(
        max_examples=int(os.environ.get("EXAMPLES", "4")),
        stateful_step_count=int(os.environ.get("STEPS", "12")),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    try:
        run_state_machine_as_test(lambda: Policies(runner, endpoint), settings=drawn)
    finally:
        runner.run(context.__aexit__(None, None, None))
