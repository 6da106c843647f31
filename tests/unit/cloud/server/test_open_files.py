import resource
from collections.abc import Iterator

import pytest

from cloud.errors import FailedPrecondition
from cloud.server import open_files
from cloud.settings import Settings

ONE_JOB = Settings(concurrent_jobs=1)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """The process's limits, the latest last; ``setrlimit`` adds one."""
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: seen[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: seen.append(pair))
    return seen


@pytest.mark.parametrize(
    ("limit", "raised"),
    [
        ((1024, 524_288), (16_384, 524_288)),
        ((256, resource.RLIM_INFINITY), (16_384, resource.RLIM_INFINITY)),
        ((1024, 4096), (4096, 4096)),
        ((20_000, 524_288), (20_000, 524_288)),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
    ],
)
def test_the_limit_is_raised_as_far_as_is_useful(
    limits: list[tuple[int, int]], limit: tuple[int, int], raised: tuple[int, int]
) -> None:
    limits.append(limit)
    open_files.provide(ONE_JOB)
    assert limits[-1] == raised


def test_a_limit_that_is_too_low_is_named_with_the_mend(limits: list[tuple[int, int]]) -> None:
    limits.append((256, 256))
    with pytest.raises(FailedPrecondition) as refused:
        open_files.provide(Settings(concurrent_jobs=2))
    assert "may have 256 files open at a time, and a local cloud with 2 concurrent jobs needs 384" in str(refused.value)
    assert "ulimit -n 384" in str(refused.value)
    limits.append((384, 384))
    open_files.provide(Settings(concurrent_jobs=2))
    assert open_files.connections(Settings(concurrent_jobs=2)) == 32


def test_a_kernel_that_allows_less_than_the_hard_limit(
    limits: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    limits.append((2560, resource.RLIM_INFINITY))
    open_files.provide(ONE_JOB)
    assert open_files.connections(ONE_JOB) > 1000
