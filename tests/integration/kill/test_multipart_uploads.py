"""``kill -9`` of a cloud during multipart uploads: parts and objects that were accepted are there at the next start,
and no other bytes are."""

import hashlib
import random
import xml.etree.ElementTree as ET
from functools import partial
from typing import Any

import aiohttp
import pytest

from integration.kill.rounds import check_stored, kill_rounds
from integration.kill.victims import Server
from integration.launch.programs import linux_only
from integration.ledger import Ledger

KILLS = 4


class Uploads:
    """Sends requests to the port where those without a token are the owner's."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def send(self, verb: str, path: str, **options: Any) -> tuple[int, bytes]:
        async with self._session.request(verb, f"{self._url}{path}", **options) as response:
            return response.status, await response.read()

    async def xml(self, verb: str, path: str, **options: Any) -> ET.Element:
        status, body = await self.send(verb, path, **options)
        assert status == 200, body
        tree = ET.fromstring(body)  # noqa: S314 - our own
        for element in tree.iter():
            element.tag = element.tag.rpartition("}")[2]
        return tree

    async def put(self, where: str, number: int, data: bytes) -> None:
        status, body = await self.send("PUT", f"{where}&partNumber={number}", data=data)
        assert status == 200, body

    async def parts(self, where: str) -> dict[int, str] | None:
        """ETags by number; None if there is no such upload."""
        status, body = await self.send("GET", where)
        if status == 404:
            return None
        found = ET.fromstring(body)  # noqa: S314 - our own
        texts = [[element.text for element in part] for part in found if part.tag.endswith("Part")]
        return {int(number or 0): tag or "" for number, _, tag, _ in texts}

    async def sizes(self) -> int:
        """Bytes of all objects and of all parts."""
        listed = await self.xml("GET", "/kept")
        uploads = await self.xml("GET", "/kept?uploads")
        total = sum(int(size.text or 0) for size in listed.iter("Size"))
        for upload in uploads.iter("Upload"):
            parts = await self.xml("GET", f"/kept/{upload.findtext('Key')}?uploadId={upload.findtext('UploadId')}")
            total += sum(int(size.text or 0) for size in parts.iter("Size"))
        return total


async def work(uploads: Uploads, ledger: Ledger, rng: random.Random, prefix: str) -> None:
    """Until the cloud is killed: upload, replace, complete, abort, and leave open."""
    for turn in range(10**6):
        name = f"{prefix}-{turn}"
        begun = await uploads.xml("POST", f"/kept/{name}?uploads")
        where = f"/kept/{name}?uploadId={begun.findtext('UploadId')}"
        used, others = rng.randbytes(rng.choice([0, 9, 600_000])), rng.randbytes(50_000)
        for number, data in ((1, others), (1, used), (2, others)):
            await ledger.change((where, number), _tag(data), partial(uploads.put, where, number, data))
        match turn % 3:
            case 0:
                for key in ((where, 1), (where, 2)):
                    ledger.possible[key].append(None)
                body = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{_tag(used)}</ETag></Part>"
                complete = partial(uploads.xml, "POST", where, data=f"{body}</CompleteMultipartUpload>")
                await ledger.change(name, used, complete)
            case 1:
                for key in ((where, 1), (where, 2)):
                    ledger.possible[key].append(None)
                await uploads.send("DELETE", where)


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


async def check(uploads: Uploads, ledger: Ledger, server: Server) -> None:
    for key in ledger.possible:
        if isinstance(key, tuple):
            where, number = key
            ledger.compare(key, (await uploads.parts(where) or {}).get(number))
        else:
            status, content = await uploads.send("GET", f"/kept/{key}")
            ledger.compare(key, content if status == 200 else None)
    expected = await uploads.sizes()
    await check_stored(server, expected)


@linux_only
@pytest.mark.timeout(120)
async def test_nothing_accepted_is_lost_and_no_bytes_are_left(server: Server) -> None:
    ledger, rng = Ledger(), random.Random(3)  # noqa: S311

    async def prepare(uploads: Uploads) -> None:
        assert (await uploads.send("POST", "/storage/v1/b", json={"name": "kept"}))[0] == 200

    await kill_rounds(
        server,
        rng,
        KILLS,
        Uploads,
        prepare,
        lambda uploads, kill, worker: work(uploads, ledger, rng, f"{kill}-{worker}"),
        lambda uploads: check(uploads, ledger, server),
    )
    assert ledger.accepted > KILLS
