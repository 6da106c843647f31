"""Short scripts of the shell around ``docker``: ``docker pull X || exit 0``. Pure.

Of the shell's grammar, which ``cloud.engine.images.shell_syntax`` reads: simple commands with ``&&``, ``||``, ``;`` and
line ends between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud.engine.images.shell_syntax import Pipeline, Simple, read_script
from cloud.engine.images.shell_words import fields, has_command
from cloud.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in a script."""

    operator: str
    """Before it: ``&&`` and ``||``; ``;`` before the first of each list."""
    words: tuple[str, ...]


def parse(script: str, env: Mapping[str, str]) -> list[Entry]:
    """The commands of ``script``.

    Args:
        env: values of its variables; others are empty.

    Raises:
        InvalidArgument: it has something that is not run here.
    """
    entries = []
    for together in read_script(script):
        for operator, pipeline in together.pipelines:
            if words := _words(pipeline, env):
                entries.append(Entry(operator or ";", words))
    return entries


def _words(pipeline: Pipeline, env: Mapping[str, str]) -> tuple[str, ...]:
    command = pipeline.commands[0]
    if len(pipeline.commands) > 1 or pipeline.is_negated or not isinstance(command, Simple) or command.redirections:
        raise _unread(pipeline.text)
    if any(has_command(word) for word in command.words):
        raise _unread(pipeline.text)
    return tuple(field.text for word in command.words for field in fields(word, env))


def _unread(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"{text[:200]!r} is not run here: of the shell only simple commands with &&, || and ; between them are. Make "
        "it several steps of the build."
    )
