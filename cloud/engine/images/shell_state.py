"""What the commands of a ``RUN`` share."""

import posixpath
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

from cloud.engine.images.image_files import ImageFiles
from cloud.engine.images.installed import Installed
from cloud.engine.images.passed_over import PassedOver


@dataclass(slots=True)
class State:
    files: ImageFiles
    installed: Installed
    passed_over: PassedOver
    variables: MutableMapping[str, str]
    """Of the environment, and those that the script sets."""
    folder: str
    """The current one."""

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Afterwards folder and variables are those of before, as after a process of its own."""
        folder, variables = self.folder, dict(self.variables)
        try:
            yield
        finally:
            self.folder = folder
            self.variables.clear()
            self.variables.update(variables)

    def path(self, text: str) -> str:
        return posixpath.join(self.folder, text)


@dataclass(frozen=True, slots=True)
class Result:
    """Of a command."""

    succeeded: bool | None = True
    """None: not known, because it was passed over; what follows goes on as if it had."""
    output: str | None = None
    """What it prints, if that is known."""
