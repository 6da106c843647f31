"""``kill -9`` of a cloud while objects are replaced, deleted, restored and cleared by a lifecycle, where versions and
what was deleted are kept: no accepted version is lost, nothing deleted comes back, no other bytes are left."""

import random
from functools import partial
from typing import Any

import aiohttp
import pytest

from integration.kill.rounds import check_stored, kill_rounds
from integration.kill.victims import Server
from integration.launch.programs import linux_only
from integration.ledger import Ledger

KILLS = 4
BUCKET = {
    "name": "kept",
    "versioning": {"enabled": True},
    "softDeletePolicy": {"retentionDurationSeconds": str(7 * 24 * 3600)},
    "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"isLive": False, "numNewerVersions": 2}}]},
}
OBJECTS = "/storage/v1/b/kept/o"


class Versions:
    """Sends requests to the port where those without a token are the owner's."""

    def __init__(self, session: aiohttp.ClientSession, url: str, contents: dict[str, bytes]) -> None:
        self._session, self._url = session, url
        self.contents = contents
        """Of each generation that was accepted."""

    async def send(self, verb: str, path: str, status: int = 200, **options: Any) -> Any:
        async with self._session.request(verb, f"{self._url}{path}", **options) as response:
            body = await response.read()
            assert response.status == status, body
            return await response.json() if "json" in response.content_type else body

    async def put(self, name: str, content: bytes) -> None:
        made = await self.send("POST", f"/upload{OBJECTS}?uploadType=media&name={name}", data=content)
        self.contents[made["generation"]] = content

    async def restore(self, name: str, generation: str) -> None:
        made = await self.send("POST", f"{OBJECTS}/{name}/restore?generation={generation}")
        self.contents[made["generation"]] = self.contents[generation]

    async def all_of(self, query: str) -> list[Any]:
        found: list[Any] = (await self.send("GET", f"{OBJECTS}?{query}")).get("items", [])
        return found


async def work(versions: Versions, ledger: Ledger, rng: random.Random, name: str) -> None:
    """Until the cloud is killed."""
    while True:
        content = rng.randbytes(rng.choice([1, 1000, 300_000]))
        await ledger.change(name, content, partial(versions.put, name, content))
        match rng.randrange(4):
            case 0:
                await ledger.change(name, None, partial(versions.send, "DELETE", f"{OBJECTS}/{name}", 204))
            case 1:
                await versions.send("POST", "/_cloud/lifecycle/kept")
            case 2:
                deleted = await versions.all_of(f"softDeleted=true&prefix={name}")
                known = [item["generation"] for item in deleted if item["generation"] in versions.contents]
                if known:
                    generation = rng.choice(known)
                    restored = versions.contents[generation]
                    await ledger.change(name, restored, partial(versions.restore, name, generation))


async def check(versions: Versions, ledger: Ledger, server: Server) -> None:
    live = {item["name"]: item for item in await versions.all_of("")}
    for name in ledger.possible:
        assert isinstance(name, str)
        content = await versions.send("GET", f"/kept/{name}") if name in live else None
        ledger.compare(name, content)
    everything = await versions.all_of("versions=true") + await versions.all_of("softDeleted=true")
    sizes = {item["generation"]: int(item["size"]) for item in everything}
    for generation, content in versions.contents.items():
        assert sizes.get(generation) == len(content), generation
    await check_stored(server, sum(sizes.values()))


@linux_only
@pytest.mark.timeout(180)
async def test_every_version_that_was_accepted_stays(server: Server) -> None:
    ledger, rng, contents = Ledger(), random.Random(5), dict[str, bytes]()  # noqa: S311
    await kill_rounds(
        server,
        rng,
        KILLS,
        lambda session, url: Versions(session, url, contents),
        lambda versions: versions.send("POST", "/storage/v1/b", json=BUCKET),
        lambda versions, _, worker: work(versions, ledger, rng, f"o{worker}"),
        lambda versions: check(versions, ledger, server),
    )
    assert ledger.accepted > 3 * KILLS
