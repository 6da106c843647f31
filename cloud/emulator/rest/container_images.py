"""What the container of a job runs, if its image was built here. Pure."""

from collections.abc import Callable, Sequence

from cloud.emulator.rest.container_command import NeedsImage, Runnable, without_image
from cloud.engine.runtimes import image_program
from cloud.resources.container_images import ContainerImage

Images = Callable[[str], ContainerImage | None]
"""Finds the image of a URI; None: none was built and pushed here under that name."""


def no_images(_: str) -> None:
    """There are none."""


def words_of(image: ContainerImage, command: Sequence[str], args: Sequence[str], *, adds_args: bool) -> Sequence[str]:
    """The program of a container and its arguments.

    Args:
        command, args: of the container.
        adds_args: the service adds arguments of its own, as for a trial: then there are some in any case.

    Raises:
        NeedsImage: there is no program.
    """
    if not command and not image.entrypoint and (args or adds_args):
        raise NeedsImage("The image has no ENTRYPOINT, and the job's arguments replace its CMD: give it an ENTRYPOINT.")
    words = [*(command or image.entrypoint), *args] if adds_args else image.argv(tuple(command), tuple(args))
    if not words:
        raise NeedsImage("The image has neither ENTRYPOINT nor CMD: say in one of them, or in `command`, what it runs.")
    return words


def program_of(words: Sequence[str]) -> Runnable:
    """How ``words`` run in an image that was built here."""
    try:
        return without_image(words)
    except NeedsImage:
        return Runnable(image_program.MODULE, tuple(words))
