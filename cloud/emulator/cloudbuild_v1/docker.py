"""``Docker``: performs the commands of one build, as the Docker daemon of its worker would."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from cloud.emulator.cloudbuild_v1.docker_command import DOCKERFILE, Build, Command, Pull, Push, Tag
from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.names import ImageName, parse_name
from cloud.engine.registry.registry import LATEST, Registry
from cloud.errors import InvalidArgument, NotFound

WORKSPACE = "/workspace"
"""Where a build's source is in its steps."""
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PushedImage:
    digest: str
    begin: datetime
    end: datetime


class Docker:
    """
    Args:
        workspace: the folder that stands for ``/workspace``.
        is_base: whether an image of another registry is one that Dockerfiles may begin with here.
    """

    def __init__(
        self, registry: Registry, builder: ImageBuilder, workspace: Path, is_base: Callable[[str], bool], log: Log
    ) -> None:
        self._registry, self._builder, self._workspace = registry, builder, workspace
        self._is_base, self._log = is_base, log
        self._digests: dict[str, str] = {}
        """Of the images that this build has, by name with tag: no build sees what others have built but not pushed."""

    async def perform(self, command: Command, folder: Path) -> None:
        """
        Args:
            folder: the present one.

        Raises:
            CloudError: it cannot be done, with the words to log.
        """
        match command:
            case Build():
                await self._build(command, folder)
            case Push(name, all_tags):
                await self._push_all(name) if all_tags else await self.push(name)
            case Pull(name):
                self._pull(name)
            case Tag(source, target):
                self._digests[_tagged(target)] = self._digest(source)

    async def push(self, name: str) -> PushedImage:
        """Raises:
        NotFound: the build has no such image, or the registry no such repository.
        PermissionDenied: the registry is not the project's.
        """
        begin, tagged = datetime.now(UTC), _tagged(name)
        repository, _, tag = tagged.rpartition(":")
        self._log(f"The push refers to repository [{repository}]")
        if tagged not in self._digests:
            raise NotFound(f"An image does not exist locally with the tag: {repository}")
        image = await self._registry.push(tagged, self._digests[tagged])
        self._log(f"{tag}: digest: {image.digest}")
        return PushedImage(image.digest, begin, datetime.now(UTC))

    async def _push_all(self, name: str) -> None:
        wanted = parse_name(name).repository
        tags = [tagged for tagged in self._digests if tagged.rpartition(":")[0] == wanted]
        if not tags:
            raise NotFound(f"An image does not exist locally with the tag: {wanted}")
        for tagged in tags:
            await self.push(tagged)

    async def _build(self, command: Build, folder: Path) -> None:
        context = self.inside(folder, command.context)
        if not context.is_dir():
            raise InvalidArgument(f"unable to prepare context: path {command.context[:200]!r} not found")
        size = await asyncio.to_thread(_size, context)
        self._log(f"Sending build context to Docker daemon  {size / 1000:.2f}kB")
        with _in_context(self._dockerfile(command, folder, context), context) as dockerfile:
            image = await self._builder.build(
                context,
                dockerfile=dockerfile,
                names=command.names,
                build_args=command.build_args,
                target=command.target,
                log=self._log,
            )
        for name in command.names:
            self._digests[_tagged(name)] = image.digest
            if command.pushes:
                await self.push(name)

    def _dockerfile(self, command: Build, folder: Path, context: Path) -> Path:
        named = command.dockerfile
        tried = [context / DOCKERFILE] if not named else [self.inside(folder, named)]
        if named and command.is_kanikos:
            tried.append(self.inside(context, named))
        found = next((path for path in tried if path.is_file()), None)
        if found is None:
            raise InvalidArgument(
                f"unable to evaluate symlinks in Dockerfile path: {named[:200] or DOCKERFILE!r} is not in the source: "
                f"lstat {WORKSPACE}/{tried[0].relative_to(self._workspace)}: no such file or directory"
            )
        return found

    def _pull(self, name: str) -> None:
        tagged = _tagged(name)
        found = self._registry.images.find(name)
        if found is None:
            if self._is_base(name):
                self._log(f"{name}: known here without being pulled")
                return
            raise NotFound(f"Error response from daemon: manifest for {tagged} not found: manifest unknown")
        self._digests[tagged] = found.digest
        self._log(f"Digest: {found.digest}")
        self._log(f"Status: Downloaded newer image for {tagged}")

    def _digest(self, name: str) -> str:
        tagged = _tagged(name)
        if tagged not in self._digests:
            raise NotFound(f"Error response from daemon: No such image: {tagged}")
        return self._digests[tagged]

    def inside(self, folder: Path, path: str) -> Path:
        """What the step calls ``path`` in the present ``folder``.

        Raises:
            InvalidArgument: it leads out of the workspace, which is all that a step has here.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() and pure.is_relative_to(WORKSPACE):
            folder, pure = self._workspace, pure.relative_to(WORKSPACE)
        found = Path(os.path.normpath(folder / pure))
        if not found.is_relative_to(self._workspace):
            raise InvalidArgument(f"{path[:200]!r} is outside of {WORKSPACE}, and a step has nothing else here.")
        return found


@contextmanager
def _in_context(dockerfile: Path, context: Path) -> Iterator[str]:
    """The Dockerfile's path in ``context``. One from elsewhere is there meanwhile, and ignored by what copies all."""
    if dockerfile.is_relative_to(context):
        yield str(dockerfile.relative_to(context))
        return
    copy = context / f".dockerfile-{secrets.token_hex(8)}"
    ignored = copy.with_name(f"{copy.name}.dockerignore")
    given = next(
        (path for path in (Path(f"{dockerfile}.dockerignore"), context / ".dockerignore") if path.is_file()), None
    )
    try:
        shutil.copyfile(dockerfile, copy)
        ignored.write_bytes((given.read_bytes() if given else b"") + f"\n{copy.name}*\n".encode())
        yield copy.name
    finally:
        copy.unlink(missing_ok=True)
        ignored.unlink(missing_ok=True)


def _tagged(name: str) -> str:
    parsed = parse_name(name)
    return str(ImageName(parsed.repository, parsed.tag or LATEST))


def _size(folder: Path) -> int:
    return sum(os.lstat(os.path.join(above, name)).st_size for above, _, names in os.walk(folder) for name in names)
