"""Which command made a request, by what clients say of themselves, and the requests of each command. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cloud.emulator.recorder import RecordedCall

_COMMAND = re.compile(r"\bcommand/([\w.-]+)")
_INVOCATION = re.compile(r"\binvocation-id/([\w-]+)")
_PAUSE = 5.0
"""Seconds after which the same client's requests are another group, where it does not tell."""


@dataclass(frozen=True, slots=True)
class Command:
    """What made some of the requests."""

    key: str
    """Equal for the requests of one command."""
    name: str
    """``gcloud storage ls``, or the client's own name; or a job's."""
    is_job: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    command: Command
    calls: list[RecordedCall]
    """The latest first."""

    @property
    def last(self) -> RecordedCall:
        return self.calls[0]

    @property
    def failed(self) -> int:
        return sum(is_refused(call) for call in self.calls)


def is_refused(call: RecordedCall) -> bool:
    """Whether it had no good end: an error, or none."""
    return call.status >= 400 or call.status == 0


def command_of(call: RecordedCall) -> Command:
    """gcloud and gsutil name their command in ``User-Agent``, gcloud with a number of each run."""
    named = _COMMAND.search(call.agent)
    if call.job_id:
        return Command(f"job {call.job_id}", call.job_id, is_job=True)
    if named is None:
        name = call.agent.partition(" ")[0] or "?"
        return Command(f"{call.caller} {call.agent}", name)
    words = named[1].replace(".", " ").removeprefix("gcloud ")
    name = f"gsutil {words}" if "gsutil/" in call.agent else f"gcloud {words}"
    invocation = _INVOCATION.search(call.agent)
    return Command(f"{call.caller} {invocation[1] if invocation else call.agent}", name)


def grouped(calls: Iterable[RecordedCall]) -> list[Group]:
    """The requests of each command, the latest first.

    Args:
        calls: in the order in which they ended.
    """
    groups: list[Group] = []
    for call in sorted(calls, key=lambda call: call.time):
        command = command_of(call)
        group = next((group for group in reversed(groups) if group.command == command), None)
        if group is None or call.time - group.last.time > _PAUSE:
            group = Group(command, [])
            groups.append(group)
        group.calls.insert(0, call)
    return sorted(groups, key=lambda group: -group.last.time)
