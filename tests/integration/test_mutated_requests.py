"""Requests with random changes, through TLS and plain, to a real cloud: no defect shows, nobody waits, memory is flat.

``REQUESTS=10000 pytest tests/integration/test_mutated_requests.py`` sends that many. ``SEED=7`` repeats a run.
"""

import asyncio
import logging
import os
import random
import re
import ssl
from collections import Counter
from pathlib import Path

import pytest

from cloud.cli.owner_requests import owner_token
from cloud.emulator.grpc.deadlines import Deadlines as GrpcDeadlines
from cloud.gateway.deadlines import Deadlines
from cloud.server.local import LocalCloud
from cloud.settings import LauncherKind, Settings
from integration.mutations import CORPUS, Sent, mutated, mutated_http2, unchanged

_log = logging.getLogger(__name__)
REQUESTS = int(os.environ.get("REQUESTS", "300"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
AT_ONCE = 16
TOO_LONG = 5.0
"""Seconds."""
ALLOWED_5XX = {"503"}


class Clients:
    """Sends each request on a connection of its own."""

    def __init__(self, cloud: LocalCloud, token: str) -> None:
        self._address = cloud.url.removeprefix("http://").split(":")
        self._token = token
        self._trust = {alpn: ssl.create_default_context(cafile=cloud._front.gateway.ca_file) for alpn in ("", "h2")}
        self._trust["h2"].set_alpn_protocols(["h2"])
        self.outcomes: Counter[str] = Counter()
        self.failures: list[tuple[str, Sent]] = []

    async def send_unchanged(self) -> list[str]:
        """The statuses of the corpus's requests. They make what the mutated ones name."""
        source = random.Random(0)  # noqa: S311 - of no importance
        return [await self._exchange("tls", sent, source, is_http2=False) for sent in unchanged(self._token)]

    async def send(self, number: int) -> None:
        source = random.Random(SEED * 1_000_003 + number)  # noqa: S311 - to be repeated
        way = source.choice(("plain", "tls"))
        if source.random() < 0.1:
            sent, is_http2 = Sent("storage.googleapis.com", mutated_http2(source)), True
        else:
            sent, is_http2 = mutated(source, self._token), False
        try:
            async with asyncio.timeout(TOO_LONG):
                outcome = await self._exchange(way, sent, source, is_http2=is_http2)
        except TimeoutError:
            outcome = "no end"
        self.outcomes[f"{'HTTP/2' if is_http2 else way} {outcome}"] += 1
        if outcome == "no end" or (outcome.startswith("5") and outcome not in ALLOWED_5XX):
            self.failures.append((f"{way} {outcome}", sent))

    async def _exchange(self, way: str, sent: Sent, source: random.Random, *, is_http2: bool) -> str:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            if way == "tls":
                writer.write(f"CONNECT {sent.host}:443 HTTP/1.1\r\n\r\n".encode())
                await reader.readuntil(b"\r\n\r\n")
                await writer.start_tls(self._trust["h2" if is_http2 else ""], server_hostname=sent.host)
            for piece in _pieces(sent.data, source):
                writer.write(piece)
                await asyncio.sleep(0)
            if is_http2:
                await reader.read()
                return "ended"
            return await _status(reader)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            return "closed"
        finally:
            writer.transport.abort()


def _pieces(data: bytes, source: random.Random) -> list[bytes]:
    cuts = sorted(source.randint(0, len(data)) for _ in range(source.choice((0, 0, 1, 3))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def _status(reader: asyncio.StreamReader) -> str:
    """Of the first final response, once it is whole."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        if (status := head.split()[1].decode()) != "100":
            break
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    if length and status != "304":
        await reader.readexactly(int(length[1]))
    return status


def memory() -> int:
    """Resident memory of this process, in which the cloud runs, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def test_mutated_requests_show_no_defect(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, __name__)
    caplog.set_level(logging.WARNING, "asyncio")
    async with LocalCloud(Settings(launcher=LauncherKind.COLD, state_dir=tmp_path)) as cloud:
        front = cloud._front
        front.emulator.body_limit = 1.0
        front.emulator.grpc_deadlines = GrpcDeadlines(preface=1.0, idle=1.0, message=1.0)
        front.gateway.deadlines = Deadlines(head=1.0, handshake=2.0)
        environ = await cloud.owner_environ()
        clients = Clients(cloud, await asyncio.to_thread(owner_token, environ["STORAGE_EMULATOR_HOST"]))
        statuses = Counter(await clients.send_unchanged())
        assert statuses["200"] > len(CORPUS) // 2, statuses
        numbers = iter(range(REQUESTS))

        async def worker() -> None:
            for number in numbers:
                await clients.send(number)
                if number == min(1000, REQUESTS // 2):
                    early.append(memory())

        early: list[int] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(worker())
        grown = memory() - early[0]
        _log.info("SEED=%d: %s; memory grew by %.1f MiB", SEED, dict(clients.outcomes), grown / 2**20)
        assert clients.failures == [], f"SEED={SEED}"
        assert grown < 64 * 2**20
    serious = {record.name: logging.WARNING if record.name == "asyncio" else logging.ERROR for record in caplog.records}
    assert [each.getMessage() for each in caplog.records if each.levelno >= serious[each.name]] == []
