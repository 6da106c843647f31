"""``ImageBuilder``: an image from its Dockerfile, without containers."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.disk import disk_full
from cloud.engine.images.bases import FAMILIES, runtime_request
from cloud.engine.images.content_digest import content_digest
from cloud.engine.images.copying import Source
from cloud.engine.images.dockerfile import Dockerfile, Instruction, read_dockerfile
from cloud.engine.images.ignored import Ignored
from cloud.engine.images.image_files import ImageFiles, copy
from cloud.engine.images.names import ImageName, parse_name
from cloud.engine.images.stage_build import StageBuild
from cloud.engine.images.stages import Stage, Stages, read_stages
from cloud.engine.images.store import ImageStore
from cloud.errors import InvalidArgument
from cloud.resources.container_images import ContainerImage

Log = Callable[[str], None]


class ImageBuilder:
    def __init__(self, store: ImageStore) -> None:
        self._store = store

    async def build(
        self,
        context: Path,
        *,
        dockerfile: str = "Dockerfile",
        names: Sequence[str] = (),
        build_args: Mapping[str, str] = {},
        target: str = "",
        log: Log,
    ) -> ContainerImage:
        """Make the image of a Dockerfile and keep it in the store. It runs in a thread.

        Args:
            context: a folder. Nothing in it is changed, and nothing outside it is read.
            dockerfile: relative to the context.
            names: by which it is known here then (``docker build -t``).
            target: the stage to make; empty: the last.
            log: called in this event loop, with lines such as those of ``docker build``.

        Raises:
            InvalidArgument: there is no Dockerfile, or an instruction of it fails; one sentence with the line.
            ResourceExhausted: the disk is full.
        """
        loop, stopped = asyncio.get_running_loop(), threading.Event()
        work = asyncio.ensure_future(
            asyncio.to_thread(
                _Build(
                    self._store,
                    context,
                    build_args,
                    lambda line: None if stopped.is_set() else _in_loop(loop, log, line),
                    stopped,
                ).perform,
                dockerfile,
                names,
                target,
            )
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread ends with the instruction that it performs, and removes what it made.
            stopped.set()
            await asyncio.wait({work})
            raise


def _in_loop(loop: asyncio.AbstractEventLoop, log: Log, line: str) -> None:
    loop.call_soon_threadsafe(log, line)


class _Stopped(Exception):
    """The one who waited for the build does not any more."""


class _Build:
    """One build."""

    def __init__(
        self, store: ImageStore, context: Path, build_args: Mapping[str, str], log: Log, stopped: threading.Event
    ) -> None:
        self._store = store
        self._context = context
        self._build_args = build_args
        self._log = log
        self._stopped = stopped
        self._done: dict[int, tuple[ContainerImage, Path]] = {}
        """By stage: what it is, and its files."""
        self._step, self._steps = 0, 0

    def perform(self, dockerfile: str, names: Sequence[str], target: str) -> ContainerImage:
        parsed_names = [_own_name(name) for name in names]
        read = self._read(dockerfile)
        stages = read_stages(read, self._build_args)
        needed = stages.needed(target)
        self._steps = sum(len(stage.instructions) for stage in needed)
        context = Source(ImageFiles(self._context), self._ignored(dockerfile))
        try:
            with self._store.working_folder() as folder:
                for stage in needed:
                    self._stage(stage, stages, read, context, folder / str(stage.index))
                outcome, files = self._done[needed[-1].index]
                image = replace(outcome, digest=content_digest(outcome, files), create_time=datetime.now(UTC))
                self._store.add(image, files)
        except OSError as error:
            raise disk_full(error) or error from error
        image = self._store.local(image.digest) or image
        self._report_unused_arguments(needed)
        self._log(f"Successfully built {image.digest.removeprefix('sha256:')[:12]}")
        for name in parsed_names:
            self._store.tag(str(name), image.digest)
            self._log(f"Successfully tagged {name}")
        return image

    def _read(self, dockerfile: str) -> Dockerfile:
        path = ImageFiles(self._context).real(f"/{dockerfile}")
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise InvalidArgument(
                f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat "
                f"{self._context / dockerfile}: {(error.strerror or str(error)).lower()}",
                field="dockerfile",
            ) from None
        except UnicodeDecodeError:
            raise InvalidArgument(f"{dockerfile} is no text in UTF-8", field="dockerfile") from None
        return read_dockerfile(text)

    def _ignored(self, dockerfile: str) -> Ignored:
        """``.dockerignore``; one that is named after the Dockerfile counts before that of the context."""
        files = ImageFiles(self._context)
        for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
            if files.is_file(f"/{name}"):
                return Ignored(files.read_text(f"/{name}"))
        return Ignored()

    # ------------------------------------------------------------ stages

    def _stage(self, stage: Stage, stages: Stages, read: Dockerfile, context: Source, files: Path) -> None:
        first, *rest = stage.instructions
        self._report(first)
        files.mkdir(mode=0o755)
        with _located(first):
            base = self._base(stage, stages, files)
        build = StageBuild(
            base,
            files,
            escape=read.escape,
            arguments=stages.arguments,
            build_args=self._build_args,
            context=context,
            source=lambda name: self._source(stages.before(stage, name), name),
            log=self._log,
        )
        for instruction in rest:
            if self._stopped.is_set():
                raise _Stopped
            self._report(instruction)
            with _located(instruction):
                build.perform(instruction)
        self._done[stage.index] = (build.outcome, files)

    def _report(self, instruction: Instruction) -> None:
        self._step += 1
        self._log(f"Step {self._step}/{self._steps} : {instruction}")

    def _base(self, stage: Stage, stages: Stages, files: Path) -> ContainerImage:
        """What a stage is made from, its files copied."""
        if (before := stages.before(stage, stage.base)) and not stage.base.isdecimal():
            outcome, its_files = self._done[before.index]
            copy(its_files, files)
            return outcome
        if image := self._stored(stage.base):
            copy(self._store.files(image), files)
            self._log(f" ---> {image.digest.removeprefix('sha256:')[:12]}")
            return image
        request = runtime_request(stage.base)
        if request is None:
            raise InvalidArgument(f"nothing is known here of the image {stage.base[:200]!r}; known are {FAMILIES}")
        self._log(f" ---> {request.text}")
        return ContainerImage(digest="", base=stage.base, create_time=datetime.now(UTC))

    def _stored(self, name: str) -> ContainerImage | None:
        return self._store.local(name) or self._store.find(name)

    def _source(self, stage: Stage | None, name: str) -> Source | None:
        if stage is not None:
            return Source(ImageFiles(self._done[stage.index][1]), image=self._done[stage.index][0])
        image = self._stored(name)
        return Source(ImageFiles(self._store.files(image)), image=image) if image else None

    def _report_unused_arguments(self, needed: Sequence[Stage]) -> None:
        text = " ".join(one.value for stage in needed for one in stage.instructions if one.name in ("ARG", "FROM"))
        if unused := [name for name in self._build_args if name not in text]:
            self._log(f"[Warning] One or more build-args {unused} were not consumed")


def _own_name(text: str) -> ImageName:
    name = parse_name(text)
    if name.digest:
        raise InvalidArgument(f"refusing to create a tag with a digest reference: {text[:300]!r}")
    return name


@contextmanager
def _located(instruction: Instruction) -> Iterator[None]:
    """Errors say which instruction has failed."""
    where = f"Dockerfile line {instruction.line}: {instruction!s:.300}"
    try:
        yield
    except InvalidArgument as error:
        raise InvalidArgument(f"{where}: {error.message}") from None
    except OSError as error:
        name = f": {Path(error.filename).name}" if isinstance(error.filename, str | Path) else ""
        raise disk_full(error) or InvalidArgument(f"{where}: {error.strerror or error}{name:.100}") from error
    except RecursionError:
        raise InvalidArgument(f"{where}: it is nested too deeply") from None
    except ValueError as error:  # a name that no file can have
        raise InvalidArgument(f"{where}: {error}") from None
