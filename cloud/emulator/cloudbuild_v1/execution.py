"""``Execution``: one build from its source to its images."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cloud.backends.base import Backend
from cloud.emulator.cloudbuild_v1 import sources, steps
from cloud.emulator.cloudbuild_v1.docker import Docker
from cloud.emulator.cloudbuild_v1.logs import BuildLog
from cloud.emulator.cloudbuild_v1.requests import images_of, seconds
from cloud.emulator.rest.scalars import timestamp
from cloud.engine.images.build import ImageBuilder
from cloud.engine.registry.registry import Registry
from cloud.errors import CloudError, NotFound, PermissionDenied
from cloud.resources import Json

Note = Callable[[Mapping[str, Json]], None]
"""Records fields of the build."""
_KINDS: Mapping[type[CloudError], str] = {
    NotFound: "PUSH_IMAGE_NOT_FOUND",
    PermissionDenied: "PUSH_NOT_AUTHORIZED",
}
"""``FailureInfo.type`` of a push."""


@dataclass(frozen=True, slots=True)
class Means:
    """What builds are made with."""

    backend: Backend
    registry: Registry
    builder: ImageBuilder
    is_base: Callable[[str], bool]
    """See ``Docker``."""


class BuildFailed(Exception):
    """
    Args:
        kind: ``FailureInfo.type``.
        detail: ``FailureInfo.detail``.
        why: in the words of the build's ``statusDetail``.
    """

    def __init__(self, kind: str, detail: str, why: str) -> None:
        super().__init__(why)
        self.kind, self.detail, self.why = kind, detail, why


class Execution:
    """
    Args:
        build: its message.
        folder: private to it, empty.
        note: called with what is to be recorded of it meanwhile.
    """

    def __init__(self, means: Means, build: Mapping[str, Json], folder: Path, log: BuildLog, note: Note) -> None:
        self._means, self._build, self._folder, self._log, self._note = means, build, folder, log, note
        self._workspace = folder / "workspace"
        self._steps: list[dict[str, Json]] = [dict(step) for step in build["steps"]]
        self._timing: dict[str, Json] = {}
        self._reason = ""
        self._docker = Docker(means.registry, means.builder, self._workspace, means.is_base, self._say)

    async def run(self) -> None:
        """Raises:
        BuildFailed: its log says why.
        """
        self._workspace.mkdir()
        if source := self._build.get("source"):
            self._log.write("FETCHSOURCE")
            with self._timed("FETCHSOURCE"):
                await self._fetch(source)
        self._log.write("BUILD")
        with self._timed("BUILD"):
            for at, step in enumerate(self._build["steps"]):
                await self._step(at, step)
        images = images_of(self._build)
        self._log.write("PUSH")
        if images:
            with self._timed("PUSH"):
                await self._push(images)
        self._log.write("DONE")

    async def _fetch(self, source: Mapping[str, Json]) -> None:
        try:
            provenance = await sources.fetch(
                self._means.backend, source, self._folder, self._workspace, self._log.write
            )
        except CloudError as error:
            self._log.write(f"ERROR\nERROR: failed to Fetch Source: {error.message}")
            raise BuildFailed("FETCH_SOURCE_FAILED", error.message, error.message) from error
        self._note({"sourceProvenance": provenance})

    async def _step(self, at: int, step: Mapping[str, Json]) -> None:
        is_alone = len(self._steps) == 1
        name = f'Step #{at} - "{step["id"]}"' if step.get("id") else f"Step #{at}"
        if not is_alone:
            self._log.write(f"Starting {name}")
            self._log.within(f"{name}: ")
        begin = timestamp(datetime.now(UTC))
        self._mark(at, {"status": "WORKING"})
        self._reason = ""
        try:
            status = await self._status(step)
        finally:
            self._log.within("")
        span = {"timing": {"startTime": begin, "endTime": timestamp(datetime.now(UTC))}}
        if status == 0 or step.get("allowFailure") or status in step.get("allowExitCodes", ()):
            self._mark(at, {"status": "SUCCESS", **span, **({"exitCode": status} if status else {})})
            if not is_alone:
                self._log.write(f"Finished {name}")
            return
        self._mark(at, {"status": "FAILURE", **span, "exitCode": status})
        failed = f'build step {at} "{step["name"]}" failed: step exited with non-zero status: {status}'
        self._log.write(f"ERROR\nERROR: {failed}")
        why = f"Step #{at}: {self._reason}" if self._reason else failed
        raise BuildFailed("USER_BUILD_STEP", f"Build step failure: {failed}", why)

    async def _status(self, step: Mapping[str, Json]) -> int:
        """The exit status of a step."""
        limit = asyncio.timeout(seconds(step["timeout"]) if "timeout" in step else None)
        env = dict(text.split("=", 1) for text in self._build["options"].get("env", ()) if "=" in text)
        try:
            work = steps.work_of(step, env)
            self._say(f"Already have image (with digest): {step['name']}")
            folder = self._docker.inside(self._workspace, step.get("dir", "."))
            folder.mkdir(parents=True, exist_ok=True)
            async with limit:
                await steps.perform(work, self._docker, folder, self._say)
        except CloudError as error:
            self._say(error.message)
            return 1
        except TimeoutError:
            if not limit.expired():
                raise
            self._say(f"context deadline exceeded: the step did not end within its timeout of {step['timeout']}")
            return 1
        except steps.StepFailed as failed:
            return failed.status
        return 0

    async def _push(self, images: list[str]) -> None:
        pushed = []
        for image in images:
            self._log.write(f"Pushing {image}")
            try:
                done = await self._docker.push(image)
            except CloudError as error:
                self._say(error.message)
                detail = f'failed to push "{image}": {error.message}'
                self._log.write(f"ERROR\nERROR: {detail}")
                raise BuildFailed(_KINDS.get(type(error), "PUSH_FAILED"), detail, error.message) from error
            span = {"startTime": timestamp(done.begin), "endTime": timestamp(done.end)}
            pushed.append({"name": image, "digest": done.digest, "pushTiming": span})
        self._note({"results": {"images": pushed}})

    def _say(self, text: str) -> None:
        self._reason = text or self._reason
        self._log.write(text)

    def _mark(self, at: int, fields: Mapping[str, Json]) -> None:
        self._steps[at] |= fields
        self._note({"steps": self._steps})

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        begin = timestamp(datetime.now(UTC))
        try:
            yield
        finally:
            self._timing[phase] = {"startTime": begin, "endTime": timestamp(datetime.now(UTC))}
            self._note({"timing": self._timing})
