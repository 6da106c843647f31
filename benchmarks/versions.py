"""How lists, reads and writes of objects grow with their number and their versions.

    python benchmarks/versions.py

Rows are written to the database directly, then the storage service is asked through its engine, medians of many:

- *1,000 to 100,000 objects of 10 versions each*: a page of 1,000 (live; all versions), one object, one write. Target:
  a ratio of at most 2.
- *matchGlob*: a page of 1,000 among 10,000 objects of which every tenth matches, relative to a list by prefix of as
  many. Target: at most 5.

Exits with status 1 if a target is missed.
"""

import asyncio
import functools
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.principal import Principal
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.records import Attributes, ObjectRecord, Piece
from cloud.engine.storage.service import StorageService
from targets import Targets

FEW, MANY, VERSIONS = 1_000, 100_000, 10
GLOB_OBJECTS = 10_000
GROWTH_AT_MOST, GLOB_AT_MOST = 2.0, 5.0
OWNER = Principal("owner@example.com", is_project_owner=True)
NOW = datetime.now(UTC)


def seed(service: StorageService, bucket: str, names: list[str], versions: int) -> None:
    records = service._records
    live = ObjectRecord(
        bucket,
        "",
        (Piece("k", 9),),
        9,
        0,
        "md5md5md5md5md5md5md5==",
        "crc==",
        "me@example.com",
        NOW,
        NOW,
        {},
        Attributes("text/csv", storage_class="STANDARD"),
    )
    for start in range(0, len(names), 1000):
        records.commit(
            *(
                replace(live, name=name, generation=version, noncurrent_since=None if version == versions else NOW)
                for name in names[start : start + 1000]
                for version in range(1, versions + 1)
            )
        )


Work = Callable[[int], Awaitable[None]]


async def medians(rounds: int, *works: Work) -> list[float]:
    """Seconds of each, taken in turn."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(rounds):
        for seconds, work in zip(taken, works, strict=True):
            began = time.perf_counter()
            await work(number)
            seconds.append(time.perf_counter() - began)
    return [statistics.median(each) for each in taken]


def works(service: StorageService, bucket: str, count: int) -> dict[str, tuple[int, Work]]:
    """Rounds, and what is done in each, by its description."""

    async def page(_: int, *, all_versions: bool) -> None:
        query = ListQuery(has_versions=all_versions, start_offset=f"{(count - FEW) // 2:08}")
        assert len(service.objects.list_page(OWNER, bucket, query).items) == 1000

    async def one(number: int) -> None:
        service.objects.get(OWNER, bucket, f"{number * 7 % count:08}")

    async def write(number: int) -> None:
        name = f"{number * 7 % count:08}"
        await service.objects.insert(OWNER, NewObject(bucket, name), io.BytesIO(b"123456789"), 9)

    return {
        "page of live objects": (30, functools.partial(page, all_versions=False)),
        "page of all versions": (30, functools.partial(page, all_versions=True)),
        "one object": (2000, one),
        "a write": (300, write),
    }


async def globs(service: StorageService) -> float:
    names = [f"logs/{number:06}.{'csv' if number % 10 else 'txt'}" for number in range(GLOB_OBJECTS)]
    seed(service, "globs", names, 1)

    async def by_prefix(_: int) -> None:
        assert len(service.objects.list_page(OWNER, "globs", ListQuery(prefix="logs/")).items) == 1000

    async def by_glob(_: int) -> None:
        assert len(service.objects.list_page(OWNER, "globs", ListQuery(match_glob="logs/*.txt")).items) == 1000

    glob, prefix = await medians(20, by_glob, by_prefix)
    return glob / prefix


async def main() -> int:
    targets = Targets()
    with tempfile.TemporaryDirectory() as folder:
        service = StorageService(Path(folder))
        await service.start()
        try:
            for bucket in ("few", "many", "globs"):
                await service.buckets.insert(OWNER, bucket, is_versioned=True)
            for bucket, count in (("few", FEW), ("many", MANY)):
                seed(service, bucket, [f"{number:08}" for number in range(count)], VERSIONS)
            many = works(service, "many", MANY)
            for name, (rounds, work) in works(service, "few", FEW).items():
                less, more = await medians(rounds, work, many[name][1])
                print(f"{name}: {less * 1e3:.3f} ms of {FEW:,}, {more * 1e3:.3f} ms of {MANY:,}")
                targets.report(f"{name}, growth", more / less, at_most=GROWTH_AT_MOST)
            targets.report("matchGlob / prefix", await globs(service), at_most=GLOB_AT_MOST)
        finally:
            await service.close()
    return targets.status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
