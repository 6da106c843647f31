"""One step of a build: ``gcr.io/cloud-builders/docker`` with its arguments or a short script, or kaniko's executor."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cloud.emulator.cloudbuild_v1 import docker_command, shell
from cloud.emulator.cloudbuild_v1.docker import WORKSPACE, Docker, Log
from cloud.errors import CloudError, InvalidArgument
from cloud.resources import Json

_DOCKER = re.compile(r"(?:(?:[a-z-]+\.)?gcr\.io/cloud-builders/|(?:docker\.io/)?(?:library/)?)docker(?:[:@].+)?")
_KANIKO = re.compile(r"(?:[a-z-]+\.)?gcr\.io/kaniko-project/executor(?:[:@].+)?")
_SHELLS = frozenset({"bash", "sh", "ash"})
_OF_DOCKER = frozenset({"docker"})
_KNOWN = _OF_DOCKER | {"true", ":", "set", "false", "echo", "exit", "cd"}


class StepFailed(Exception):
    """A step ended with a status that is not 0, which is in its log."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Work:
    """What a step does.

    Args:
        stops: whether the first command that fails ends it (``set -e``).
    """

    entries: Sequence[shell.Entry]
    env: Mapping[str, str]
    stops: bool = False
    kaniko: docker_command.Build | None = None


def work_of(step: Mapping[str, Json], env: Mapping[str, str]) -> Work:
    """
    Args:
        env: of all steps.

    Raises:
        InvalidArgument: it cannot be run here, in words for the log.
    """
    name, arguments = step.get("name", ""), step.get("args", [])
    env = {**env, **_env(step.get("env", ()))}
    entry = step.get("entrypoint", "")
    if _KANIKO.fullmatch(name) and not step.get("script"):
        if entry not in ("", "/kaniko/executor"):
            raise InvalidArgument(f"the entry point {entry[:100]!r} of {name[:200]} is not run here")
        return Work((), env, kaniko=docker_command.kaniko(arguments, env))
    if not _DOCKER.fullmatch(name):
        raise InvalidArgument(f"the builder {name[:200]!r} is not run here: only docker's and kaniko's are")
    if step.get("script"):
        first, _, rest = step["script"].partition("\n")
        return _script(rest if first.startswith("#!") else step["script"], env, stops=False)
    program = PurePosixPath(entry).name or "docker"
    if program in _SHELLS:
        return _shell(arguments, env)
    if program not in _OF_DOCKER:
        raise InvalidArgument(
            f"the entry point {entry[:100]!r} of {name[:200]} is not run here: only docker and bash are"
        )
    docker_command.docker(arguments, env)
    return Work([shell.Entry(";", ("docker", *arguments))], env)


async def perform(work: Work, docker: Docker, folder: Path, log: Log) -> None:
    """Raises:
    StepFailed: as said there.
    """
    if work.kaniko is not None:
        try:
            await docker.perform(work.kaniko, folder)
        except CloudError as error:
            log(error.message)
            raise StepFailed(1) from error
        return
    status = await _Run(docker, folder, log, work).status()
    if status:
        raise StepFailed(status)


class _Run:
    def __init__(self, docker: Docker, folder: Path, log: Log, work: Work) -> None:
        self._docker, self._folder, self._log, self._work = docker, folder, log, work
        self._stops, self._ended = work.stops, False

    async def status(self) -> int:
        status, entries = 0, self._work.entries
        for at, entry in enumerate(entries):
            if (entry.operator == "&&" and status) or (entry.operator == "||" and not status):
                continue
            status = await self._command(list(entry.words))
            is_last = at + 1 == len(entries) or entries[at + 1].operator == ";"
            if self._ended or (status and self._stops and is_last):
                break
        return status

    async def _command(self, words: list[str]) -> int:
        match [PurePosixPath(words[0]).name, *words[1:]]:
            case ["exit", *rest]:
                self._ended = True
                return int(rest[0]) % 256 if rest and rest[0].isascii() and rest[0].isdecimal() else 0
            case ["false", *_]:
                return 1
            case ["echo", *rest]:
                self._log(" ".join(rest))
            case ["set", *rest]:
                self._stops = self._stops or any(re.fullmatch(r"-[a-z]*e[a-z]*", word) for word in rest)
            case ["cd", *rest]:
                return self._change_folder(rest[0] if rest else WORKSPACE)
            case ["docker", *rest]:
                try:
                    await self._docker.perform(docker_command.docker(rest, self._work.env), self._folder)
                except CloudError as error:
                    self._log(error.message)
                    return 1
        return 0

    def _change_folder(self, path: str) -> int:
        try:
            found = self._docker.inside(self._folder, path)
        except CloudError as error:
            self._log(error.message)
            return 1
        if not found.is_dir():
            self._log(f"cd: {path[:200]}: No such file or directory")
            return 1
        self._folder = found
        return 0


def _shell(arguments: Sequence[str], env: Mapping[str, str]) -> Work:
    """Of ``bash -c SCRIPT``."""
    stops = False
    for at, word in enumerate(arguments):
        if not word.startswith("-"):
            break
        stops = stops or (re.fullmatch(r"-[a-z]*e[a-z]*", word) is not None)
        if re.fullmatch(r"-[a-z]*c", word) and at + 1 < len(arguments):
            if len(arguments) > at + 2:
                raise InvalidArgument("bash -c is run here with a script alone, without arguments for it")
            return _script(arguments[at + 1], env, stops=stops)
    raise InvalidArgument("of bash only `bash -c SCRIPT` is run here, no script that is a file")


def _script(text: str, env: Mapping[str, str], *, stops: bool) -> Work:
    entries = shell.parse(text, env)
    for entry in entries:
        program = PurePosixPath(entry.words[0]).name
        if program not in _KNOWN:
            raise InvalidArgument(
                f"the command {entry.words[0][:100]!r} is not run here: only docker, echo, cd, set and exit are"
            )
        if program in _OF_DOCKER:
            docker_command.docker(entry.words[1:], env)
    return Work(entries, env, stops=stops)


def _env(given: Sequence[str]) -> dict[str, str]:
    pairs = (text.partition("=") for text in given)
    return {name: value for name, _, value in pairs}
