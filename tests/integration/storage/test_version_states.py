"""Versions, soft deletion and holds by random sequences of operations, against a model of their rules.

``EXAMPLES=50 pytest ...`` runs more sequences.
"""

import os
import random
from dataclasses import dataclass, field

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEEK = 7 * 24 * 3600
NAMES = ("a", "b/c")


@dataclass
class Version:
    content: bytes
    state: str = "live"
    is_held: bool = False


@dataclass
class Model:
    is_versioned: bool = False
    is_soft: bool = False
    versions: dict[str, dict[int, Version]] = field(default_factory=lambda: {name: {} for name in NAMES})

    def live(self, name):
        """Generation and version of the live object; 0 and None if there is none."""
        return next(((n, each) for n, each in self.versions[name].items() if each.state == "live"), (0, None))

    def retire(self, name, generation, *, for_good=False):
        version = self.versions[name][generation]
        if self.is_versioned and version.state == "live" and not for_good:
            version.state = "noncurrent"
        elif self.is_soft:
            version.state = "soft"
        else:
            del self.versions[name][generation]

    def put(self, name, generation, content):
        if current := self.live(name)[0]:
            self.retire(name, current)
        self.versions[name][generation] = Version(content)

    def listed(self, *states):
        return [
            (name, generation)
            for name in NAMES
            for generation, version in sorted(self.versions[name].items())
            if version.state in states
        ]


class Pair:
    """A bucket and its model, to which the same is done."""

    def __init__(self, endpoint, bucket, dice):
        self.endpoint, self.bucket, self.dice, self.model = endpoint, bucket, dice, Model()
        self.done = []

    async def call(self, verb, path, **options):
        self.done.append(f"{verb} {path} {options}")
        return await self.endpoint.call(verb, path, **options)

    def path(self, name):
        return f"/storage/v1/b/{self.bucket}/o/{name.replace('/', '%2F')}"

    def pick(self):
        """A name, and one of its generations, or one that nothing has."""
        name = self.dice.choice(NAMES)
        return name, self.dice.choice([*self.model.versions[name], 7])

    def answered(self, name, status, answer, content):
        """What a request that makes ``name`` anew answers, unless a hold of what it replaces forbids it."""
        current = self.model.live(name)[1]
        if current and current.is_held:
            assert status == 403, answer
            return
        assert status == 200, answer
        self.model.put(name, int(answer["generation"]), content)

    async def put(self):
        name, generation = self.pick()
        condition = self.dice.choice([None, 0, self.model.live(name)[0], generation])
        query = "" if condition is None else f"&ifGenerationMatch={condition}"
        content = b"%d" % self.dice.randrange(10**9)
        path = f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={name.replace('/', '%2F')}{query}"
        status, answer = await self.call("POST", path, data=content)
        if condition not in (None, self.model.live(name)[0]):
            assert status == 412
        else:
            self.answered(name, status, answer, content)

    async def delete(self):
        name = self.dice.choice(NAMES)
        generation, version = self.model.live(name)
        status, _ = await self.call("DELETE", self.path(name))
        assert status == (404 if version is None else 403 if version.is_held else 204)
        if status == 204:
            self.model.retire(name, generation)

    async def delete_version(self):
        name, generation = self.pick()
        version = self.model.versions[name].get(generation)
        status, _ = await self.call("DELETE", f"{self.path(name)}?generation={generation}")
        is_there = version is not None and version.state != "soft"
        assert status == (404 if not is_there else 403 if version.is_held else 204)
        if status == 204:
            self.model.retire(name, generation, for_good=True)

    async def hold(self):
        name, generation = self.pick()
        version, is_held = self.model.versions[name].get(generation), self.dice.random() < 0.4
        status, _ = await self.call(
            "PATCH", f"{self.path(name)}?generation={generation}", json={"temporaryHold": is_held}
        )
        is_there = version is not None and version.state != "soft"
        assert status == (200 if is_there else 404)
        if is_there:
            version.is_held = is_held

    async def switch(self):
        self.model.is_versioned, self.model.is_soft = self.dice.random() < 0.6, self.dice.random() < 0.6
        seconds = WEEK if self.model.is_soft else 0
        settings = {
            "versioning": {"enabled": self.model.is_versioned},
            "softDeletePolicy": {"retentionDurationSeconds": str(seconds)},
        }
        assert (await self.call("PATCH", f"/storage/v1/b/{self.bucket}", json=settings))[0] == 200

    async def restore(self):
        name, generation = self.pick()
        version = self.model.versions[name].get(generation)
        status, answer = await self.call("POST", f"{self.path(name)}/restore?generation={generation}")
        if version is None or version.state != "soft":
            assert status == (404 if self.model.is_soft else 400)
        else:
            self.answered(name, status, answer, version.content)

    async def copy(self):
        name, generation = self.pick()
        other = self.dice.choice(NAMES)
        version = self.model.versions[name].get(generation)
        to = f"rewriteTo/b/{self.bucket}/o/{other.replace('/', '%2F')}"
        status, answer = await self.call("POST", f"{self.path(name)}/{to}?sourceGeneration={generation}", json={})
        if version is None or version.state == "soft":
            assert status == 404
        else:
            self.answered(other, status, answer.get("resource"), version.content)

    async def move(self):
        name, other = self.dice.sample(NAMES, 2)
        generation, version = self.model.live(name)
        status, answer = await self.call("POST", f"{self.path(name)}/moveTo/o/{other.replace('/', '%2F')}")
        if version is None:
            assert status == 404
        elif version.is_held:
            assert status == 403
        else:
            self.answered(other, status, answer, version.content)
            if status == 200:
                self.model.retire(name, generation)

    async def compare(self):
        for query, states in (
            ("", ["live"]),
            ("versions=true", ["live", "noncurrent"]),
            ("softDeleted=true", ["soft"]),
        ):
            found, token = [], ""
            size = self.dice.randrange(1, 4)
            while True:
                page = f"/storage/v1/b/{self.bucket}/o?{query}&maxResults={size}&pageToken={token}"
                _, answer = await self.endpoint.call("GET", page)
                found += [(item["name"], int(item["generation"])) for item in answer.get("items", [])]
                if not (token := answer.get("nextPageToken", "")):
                    break
            assert found == self.model.listed(*states), (query, self.done)
        for name, generation in self.model.listed("live", "noncurrent"):
            media = f"{self.path(name)}?alt=media&generation={generation}"
            wanted = self.model.versions[name][generation].content
            assert await self.endpoint.call("GET", media) == (200, wanted), self.done


@pytest.mark.parametrize("seed", range(int(os.environ.get("EXAMPLES", "3"))))
async def test_versions_are_as_their_rules_say(endpoint, bucket, seed):
    pair = Pair(endpoint, bucket, random.Random(seed))  # noqa: S311 - no secret
    steps = [pair.put] * 4 + [
        pair.delete,
        pair.delete_version,
        pair.hold,
        pair.switch,
        pair.restore,
        pair.copy,
        pair.move,
    ]
    await pair.switch()
    for _ in range(40):
        await pair.dice.choice(steps)()
        if pair.dice.random() < 0.25:
            await pair.compare()
    await pair.compare()
    await endpoint.service._garbage.wait()
    kept = len(pair.model.listed("live", "noncurrent", "soft"))
    assert len([path for path in (endpoint.service.server.root / bucket).rglob("*") if path.is_file()]) == kept
