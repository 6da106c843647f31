"""The commands of a ``RUN`` that change files, performed on the image's."""

import posixpath
import re
from collections.abc import Callable, Sequence

from cloud.engine.images.image_files import ImageFiles, copy
from cloud.errors import InvalidArgument, NotFound

_SYMBOLIC_MODE = re.compile(r"[ugoa]*([+=-])([rwxXst]*)")


class FileCommands:
    """
    Args:
        folder: the current one.
    """

    def __init__(self, files: ImageFiles, folder: str) -> None:
        self._files = files
        self._folder = folder

    def perform(self, name: str, arguments: Sequence[str]) -> None:
        """
        Args:
            name: one of ``COMMANDS``.

        Raises:
            NotFound: a file is not there.
            InvalidArgument: it fails for another reason.
        """
        COMMANDS[name](self, arguments)

    def path(self, text: str) -> str:
        return posixpath.join(self._folder, text)

    def mkdir(self, arguments: Sequence[str]) -> None:
        for name in _operands(arguments, with_value="m"):
            self._files.make_folder(self.path(name))

    def touch(self, arguments: Sequence[str]) -> None:
        for name in _operands(arguments, with_value="dtr"):
            if not self._files.exists(self.path(name)):
                self._files.write(self.path(name), b"")

    def rm(self, arguments: Sequence[str]) -> None:
        for name in _operands(arguments):
            self._files.remove(self.path(name))

    def rmdir(self, arguments: Sequence[str]) -> None:
        for name in _operands(arguments):
            real = self._files.real(self.path(name))
            if real.is_dir() and not any(real.iterdir()):
                self._files.remove(self.path(name))

    def cp(self, arguments: Sequence[str]) -> None:
        for source, target in self._pairs("cp", arguments):
            real = self._files.real(source, follow=True)
            if real.is_dir() and self._files.real(target).is_relative_to(real):
                raise InvalidArgument(f"cp: cannot copy a directory, '{source}', into itself, '{target}'")
            copy(real, self._files.place_for(target))

    def mv(self, arguments: Sequence[str]) -> None:
        for source, target in self._pairs("mv", arguments):
            real, place = self._files.real(source, follow=False), self._files.place_for(target)
            if place == real:
                continue
            if place.is_relative_to(real):
                raise InvalidArgument(f"mv: cannot move '{source}' to a subdirectory of itself, '{target}'")
            copy(real, place)
            self._files.remove(source)

    def ln(self, arguments: Sequence[str]) -> None:
        flags = "".join(word for word in arguments if word.startswith("-") and not word.startswith("--"))
        names = _operands(arguments)
        if not names:
            raise InvalidArgument("ln: missing file operand")
        targets, link = (names, ".") if len(names) == 1 else (names[:-1], names[-1])
        into = self._files.stands_for_folder(self.path(link)) and "n" not in flags and "T" not in flags
        for target in targets:
            place = posixpath.join(self.path(link), posixpath.basename(target)) if into else self.path(link)
            if self._files.exists(place, follow=False):
                if "f" not in flags:
                    raise InvalidArgument(f"ln: failed to create link '{place}': File exists")
                self._files.remove(place)
            self._files.make_folder(posixpath.dirname(place))
            if "s" in flags or "--symbolic" in arguments:
                self._files.real(place, follow=False).symlink_to(target)
            else:
                copy(self._files.real(self._there("ln", target)), self._files.real(place))

    def chmod(self, arguments: Sequence[str]) -> None:
        mode, *names = [word for word in arguments if not re.fullmatch(r"-[Rcfv]+|--\w[\w-]*", word)] or [""]
        executable = _makes_executable(mode)
        for name in names:
            real = self._files.real(self._there("chmod", name))
            if executable is not None and real.is_file():
                real.chmod(0o755 if executable else 0o644)

    def _pairs(self, name: str, arguments: Sequence[str]) -> list[tuple[str, str]]:
        """Sources that are there, with the places that they get."""
        into_folder = [argument for place, argument in enumerate(arguments) if place and arguments[place - 1] == "-t"]
        names = [*_operands(arguments, with_value="tS"), *into_folder[:1]]
        if len(names) < 2:
            raise InvalidArgument(f"{name}: missing destination file operand")
        *sources, target = names
        into = bool(into_folder) or target.endswith("/") or self._files.stands_for_folder(self.path(target))
        if len(sources) > 1 and not into and target.startswith("/") and not self._files.exists(target):
            into = True  # of the image that this one is made from
        if len(sources) > 1 and not into:
            raise InvalidArgument(f"{name}: target '{target}' is not a directory")
        pairs = []
        for source in sources:
            path = self._there(name, source)
            # The content of `source/.` is copied, not the folder.
            named = into and posixpath.basename(source) not in ("", ".", "..")
            last = (
                posixpath.basename(source.rstrip("/")) if into and source.endswith("/") else posixpath.basename(source)
            )
            place = (
                posixpath.join(self.path(target), last)
                if named or (into and source.endswith("/"))
                else self.path(target)
            )
            pairs.append((path, place))
        return pairs

    def _there(self, command: str, name: str) -> str:
        path = self.path(name)
        if not self._files.exists(path, follow=False):
            raise NotFound(f"{command}: cannot stat '{name}': No such file or directory")
        return path


COMMANDS: dict[str, Callable[[FileCommands, Sequence[str]], None]] = {
    "chmod": FileCommands.chmod,
    "cp": FileCommands.cp,
    "ln": FileCommands.ln,
    "mkdir": FileCommands.mkdir,
    "mv": FileCommands.mv,
    "rm": FileCommands.rm,
    "rmdir": FileCommands.rmdir,
    "touch": FileCommands.touch,
}


def _operands(arguments: Sequence[str], with_value: str = "") -> list[str]:
    """The arguments that are no options.

    Args:
        with_value: the short options that are followed by a value.
    """
    found: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*found, *rest]
        if not word.startswith("-") or word == "-":
            found.append(word)
        elif not word.startswith("--") and word[-1] in with_value and rest:
            rest.pop(0)
    return found


def _makes_executable(mode: str) -> bool | None:
    """None: it leaves that as it is."""
    if re.fullmatch("[0-7]{3,4}", mode):
        return bool(int(mode, 8) & 0o100)
    answer = None
    for part in mode.split(","):
        found = _SYMBOLIC_MODE.fullmatch(part)
        if found and ("x" in found[2].lower() or found[1] == "="):
            answer = found[1] != "-" and "x" in found[2].lower()
    return answer
