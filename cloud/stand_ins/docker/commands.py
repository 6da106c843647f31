"""How a command of docker is declared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloud.stand_ins.docker.engine_client import EngineClient
from cloud.stand_ins.docker.flags import Given, Option

Run = Callable[[EngineClient, Given], int | None]


@dataclass(frozen=True, slots=True)
class Command:
    """
    Args:
        usage: its arguments, for errors and help.
        least, most: how many arguments; None: any number.
    """

    run: Run
    names: tuple[str, ...]
    usage: str
    options: tuple[Option, ...]
    least: int
    most: int | None
    until_argument: bool


COMMANDS: dict[str, Command] = {}


def command(
    *names: str,
    usage: str = "",
    options: Sequence[Option] = (),
    least: int = 0,
    most: int | None = 0,
    until_argument: bool = False,
) -> Callable[[Run], Run]:
    """
    Args:
        names: each with its group: ``build``, ``image build``.
    """

    def declare(run: Run) -> Run:
        made = Command(run, names, usage, tuple(options), least, most, until_argument)
        COMMANDS.update(dict.fromkeys(names, made))
        return run

    return declare
