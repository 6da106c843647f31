"""A container image that was built here. A value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """What of an image a job runs: its Dockerfile, performed as far as that is done without containers.

    Its files are beside it in the store, as a folder that stands for the image's root.
    """

    digest: str
    """``sha256:`` and 64 hexadecimal digits, of all that follows and of the files."""
    base: str
    """The image of its Dockerfile's ``FROM``, of the first that was not built here: it decides the runtime."""
    create_time: datetime
    requirements: tuple[str, ...] = ()
    """What its ``RUN pip install`` lines install from a package index, in their order."""
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """``CMD``: arguments of the entry point, or the program if there is none."""
    passed_over: tuple[str, ...] = ()
    """Lines of its Dockerfile that had no effect here, such as ``RUN apt-get install -y curl``."""

    def argv(self, command: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
        """What a container runs: ``command`` replaces the entry point and the image's arguments, ``args`` only these
        (https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/)."""
        if command:
            return (*command, *args)
        return (*self.entrypoint, *(args or self.command))
