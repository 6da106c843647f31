"""The stages of a Dockerfile, and which of them an image needs. Pure.

https://docs.docker.com/build/building/multi-stage/
"""

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cloud.engine.images.dockerfile import Dockerfile, Instruction
from cloud.engine.images.variables import expand, split_words
from cloud.errors import InvalidArgument

_FROM = re.compile(r"(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_STAGE = re.compile(r"[a-z][a-z0-9_.-]*")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Stage:
    index: int
    name: str
    """In small letters; empty: it has none."""
    base: str
    instructions: tuple[Instruction, ...]
    """The first is ``FROM``."""


@dataclass(frozen=True, slots=True)
class Stages:
    stages: tuple[Stage, ...]
    arguments: Mapping[str, str]
    """``ARG`` before the first ``FROM``, and what Docker sets itself."""

    def find(self, name: str) -> Stage | None:
        """By name, or by number in digits."""
        for stage in reversed(self.stages):
            if stage.name == name.lower() or str(stage.index) == name:
                return stage
        return None

    def needed(self, target: str = "") -> list[Stage]:
        """The stages that make the image, in their order.

        Args:
            target: a stage; empty: the last.

        Raises:
            InvalidArgument: there is no such stage.
        """
        last = self.find(target) if target else self.stages[-1]
        if last is None:
            raise InvalidArgument(f"failed to reach build target {target} in Dockerfile", field="target")
        found, rest = {last.index}, [last]
        while rest:
            for stage in self._used_by(rest.pop()):
                if stage.index not in found:
                    found.add(stage.index)
                    rest.append(stage)
        return [stage for stage in self.stages if stage.index in found]

    def before(self, stage: Stage, name: str) -> Stage | None:
        """The stage of this name that ``stage`` sees: one before it."""
        found = Stages(self.stages[: stage.index], self.arguments).find(name)
        return found if found and (found.name == name.lower() or name.isdecimal()) else None

    def _used_by(self, stage: Stage) -> list[Stage]:
        base = self.before(stage, stage.base)
        names = [instruction.flag("from") for instruction in stage.instructions]
        mounted = [
            source[1]
            for instruction in stage.instructions
            for flag, value in instruction.flags
            if flag == "mount" and (source := re.search(r"(?:^|,)from=([^,]+)", value))
        ]
        used = [found for name in (*names, *mounted) if name and (found := self.before(stage, name))]
        return [*([base] if base and not stage.base.isdecimal() else []), *used]


def read_stages(dockerfile: Dockerfile, build_args: Mapping[str, str]) -> Stages:
    """
    Raises:
        InvalidArgument: there is no ``FROM``, or one is none.
    """
    arguments = platform_arguments()
    stages: list[Stage] = []
    instructions: list[Instruction] = []
    for instruction in dockerfile.instructions:
        if instruction.name == "FROM":
            found = _FROM.fullmatch(instruction.value)
            if found is None:
                raise _error(instruction, "FROM requires either one or three arguments")
            name = (found["name"] or "").lower()
            if name and not _STAGE.fullmatch(name):
                raise _error(
                    instruction,
                    f"invalid name for build stage: {name!r}, name can't start with a number or contain symbols",
                )
            base = expand(found["base"], arguments, dockerfile.escape)
            if not base:
                raise _error(instruction, f"base name ({found['base']}) should not be blank: give the ARG a value")
            instructions = [instruction]
            stages.append(Stage(len(stages), name, base, ()))
        elif stages:
            instructions.append(instruction)
        elif instruction.name == "ARG":
            arguments.update(declared(instruction.value, build_args, arguments, dockerfile.escape))
        else:
            raise _error(instruction, "no build stage in current context: a Dockerfile starts with FROM")
        if stages:
            last = stages[-1]
            stages[-1] = Stage(last.index, last.name, last.base, tuple(instructions))
    if not stages:
        raise _error(dockerfile.instructions[-1], "no build stage in current context: a Dockerfile starts with FROM")
    return Stages(tuple(stages), arguments)


def declared(
    value: str, build_args: Mapping[str, str], known: Mapping[str, str], escape: str, inherited: Mapping[str, str] = {}
) -> dict[str, str]:
    """The variables that an ``ARG`` declares and that have a value.

    Args:
        known: variables that its defaults may name.
        inherited: values for those without a default.
    """
    found = {}
    for word in split_words(value, escape):
        name, has_default, default = word.partition("=")
        if name in build_args:
            found[name] = build_args[name]
        elif has_default:
            found[name] = expand(default, {**known, **found}, escape)
        elif name in inherited:
            found[name] = inherited[name]
    return found


def platform_arguments() -> dict[str, str]:
    """https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope"""
    machine = platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    own = {"PLATFORM": f"linux/{machine}", "OS": "linux", "ARCH": machine, "VARIANT": ""}
    return {f"{kind}{name}": value for kind in ("TARGET", "BUILD") for name, value in own.items()}


def _error(instruction: Instruction, problem: str) -> InvalidArgument:
    return InvalidArgument(f"Dockerfile line {instruction.line}: {instruction}: {problem}"[:600])
