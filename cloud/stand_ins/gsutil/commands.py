"""How a command of gsutil is declared, and what its runs share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cloud.stand_ins.configuration import Configuration
from cloud.stand_ins.failures import Failure

if TYPE_CHECKING:
    from cloud.stand_ins.objects import Storage

Options = list[tuple[str, str]]


class CommandFailure(Failure):
    """``CommandException: TEXT``; status 1, as for all that fails in gsutil."""


@dataclass
class Invocation:
    """One run of one command."""

    command: str
    options: Options
    arguments: list[str]
    is_parallel: bool = False
    is_quiet: bool = False
    project: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def storage(self) -> "Storage":
        from cloud.stand_ins.accounts import token_of
        from cloud.stand_ins.connection import Connection
        from cloud.stand_ins.objects import Storage

        configuration = Configuration()
        name = f"gsutil.{self.command}"
        owner = Connection(name)
        token = token_of(configuration.get("core/account"), configuration.folder, owner)
        connection = Connection(name, token, owner.invocation_id) if token else owner
        return Storage(connection, self.project or configuration.get("core/project") or "")

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.options)

    def value(self, *names: str) -> str | None:
        """The last one given."""
        found = [value for name, value in self.options if name in names]
        return found[-1] if found else None

    def say(self, text: str) -> None:
        """A line to standard error, unless ``-q`` was given."""
        if not self.is_quiet:
            import sys

            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


class WorkerFailure(CommandFailure):
    """One that ended a list of tasks for several workers (``-m``)."""


Run = Callable[[Invocation], int | None]


@dataclass(frozen=True, slots=True)
class Command:
    """
    Args:
        letters: of its options, as ``getopt`` takes them.
        usage: printed where the options are wrong.
        least: arguments at least.
    """

    run: Run
    letters: str
    usage: str
    least: int
    most: int | None


COMMANDS: dict[str, Command] = {}


def command(name: str, letters: str, usage: str, *, least: int = 1, most: int | None = None) -> Callable[[Run], Run]:
    def declare(run: Run) -> Run:
        COMMANDS[name] = Command(run, letters, usage, least, most)
        return run

    return declare
