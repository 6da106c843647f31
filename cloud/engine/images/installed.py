"""What the ``pip`` commands of a Dockerfile install, one after the other, as one list of requirements."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from cloud.engine.images.image_files import ImageFiles
from cloud.engine.images.passed_over import PassedOver, Reason
from cloud.engine.images.pip_command import PipInstall, read_pip_install, read_requirement_line, requirement_lines
from cloud.errors import InvalidArgument

_TOOLS = frozenset(("pip", "setuptools", "wheel"))
"""Those of a job's environment, which are not replaced."""
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|git\+|git@)", re.IGNORECASE)
_LOCAL = re.compile(r"(?P<path>.*?)(?P<extras>\[[\w\s,.-]*\])?", re.DOTALL)
_ARCHIVE = (".whl", ".tar.gz", ".zip", ".tar.bz2")
_PROJECTS = frozenset(("pyproject.toml", "setup.cfg", "setup.py"))
"""What ``uv pip install -r`` takes beside requirements files."""
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_DEEPEST = 20


class Installed:
    """
    Args:
        requirements: what the image that this one is made from has installed.
    """

    def __init__(self, requirements: Iterable[str] = ()) -> None:
        self._requirements: dict[str, str] = {}
        """By distribution, or by the requirement itself where it does not say which."""
        for requirement in requirements:
            self._requirements[_key(requirement)] = requirement

    @property
    def requirements(self) -> tuple[str, ...]:
        """Names with versions; URLs; and for a folder or an archive of the image its path there: ``/code[extra]``."""
        return tuple(self._requirements.values())

    def pip_install(
        self,
        arguments: Sequence[str],
        line: str,
        *,
        files: ImageFiles,
        folder: str,
        variables: Mapping[str, str],
        passed_over: PassedOver,
    ) -> None:
        """Perform ``pip install`` with these arguments.

        Args:
            line: as it is written.
            folder: the current one.

        Raises:
            InvalidArgument: a file is not there, or a requirement is none.
        """
        reader = _Reader(files, folder, variables, passed_over, line)
        reader.read(read_pip_install(arguments), folder)
        found = [one for target in reader.targets if (one := self._requirement(target, reader))]
        for requirement in found:
            self._add(requirement, is_upgrade=reader.is_upgrade)
        if found:
            passed_over.log(f" ---> to be installed: {', '.join(found)}")

    def merge(self, requirements: Iterable[str]) -> None:
        """Those of another image, whose packages are copied."""
        for requirement in requirements:
            self._add(requirement, is_upgrade=False)

    def uninstall(self, names: Iterable[str]) -> None:
        for name in names:
            self._requirements.pop(canonicalize_name(name), None)

    def _requirement(self, target: str, reader: "_Reader") -> str | None:
        if _URL.match(target):
            return target
        if local := reader.local(target):
            return local
        try:
            parsed = Requirement(target)
        except InvalidRequirement as error:
            if reader.passed_over.files_may_be_missing and _looks_local(target):
                reader.passed_over.add(f"RUN {reader.line}", Reason.NO_FILE)
                return None
            if _looks_local(target):
                raise InvalidArgument(f"pip: {target!r} is neither a file nor a folder of the image") from None
            raise InvalidArgument(f"pip: invalid requirement {target!r}: {str(error).splitlines()[0]}") from None
        name = canonicalize_name(parsed.name)
        if name in _TOOLS:
            only_tools = all(canonicalize_name(one.partition("=")[0]) in _TOOLS for one in reader.targets)
            reader.passed_over.add(f"RUN {reader.line}" if only_tools else target, Reason.ENVIRONMENT)
            return None
        if limit := reader.constraints.get(name):
            parsed.specifier &= limit
            return str(parsed)
        return target

    def _add(self, requirement: str, *, is_upgrade: bool) -> None:
        """What is installed already stays, unless the later one says which version."""
        key = _key(requirement)
        before = self._requirements.get(key)
        if before is not None and not is_upgrade and _allows_any(requirement):
            return
        self._requirements.pop(key, None)
        self._requirements[key] = requirement


class _Reader:
    """Follows the files that a command names."""

    def __init__(
        self, files: ImageFiles, folder: str, variables: Mapping[str, str], passed_over: PassedOver, line: str
    ) -> None:
        self._files, self._folder, self._variables = files, folder, variables
        self.passed_over, self.line = passed_over, line
        self.targets: list[str] = []
        self.constraints: dict[str, SpecifierSet] = {}
        self.is_upgrade = False

    def read(self, command: PipInstall, folder: str, depth: int = 0) -> None:
        """
        Args:
            folder: in which ``-r`` and ``-c`` look.
        """
        self.is_upgrade |= command.is_upgrade
        self.targets += command.targets
        for option in command.index_options:
            self.passed_over.add(f"pip install {_CREDENTIALS.sub('//', option)}", Reason.INDEX)
        for name in command.constraint_files:
            for text in self._lines(name, folder):
                self._constrain(text)
        for name in command.requirement_files:
            if depth > _DEEPEST:
                raise InvalidArgument(f"pip: {name}: requirements files name each other")
            if posixpath.basename(name) in _PROJECTS:
                self.targets.append(posixpath.join(folder, posixpath.dirname(name)))
                continue
            for text in self._lines(name, folder):
                self.read(read_requirement_line(text), posixpath.dirname(posixpath.join(folder, name)), depth + 1)

    def _lines(self, name: str, folder: str) -> list[str]:
        path = posixpath.join(folder, name)
        if _URL.match(name) or (self.passed_over.files_may_be_missing and not self._files.is_file(path)):
            self.passed_over.add(f"RUN {self.line}", Reason.NETWORK if _URL.match(name) else Reason.NO_FILE)
            return []
        if not self._files.is_file(path):
            raise InvalidArgument(
                f"pip: could not open requirements file: no such file or directory in the image: {path!r}; "
                "COPY it before this line"
            )
        return requirement_lines(self._files.read_text(path), self._variables)

    def _constrain(self, text: str) -> None:
        try:
            parsed = Requirement(text)
        except InvalidRequirement:
            return
        if parsed.marker is None:
            self.constraints[canonicalize_name(parsed.name)] = parsed.specifier

    def local(self, target: str) -> str | None:
        """A target that is a folder or an archive of the image, as a path in it."""
        parts = _LOCAL.fullmatch(target.removeprefix("file://"))
        if parts is None or not _looks_local(parts["path"]):
            return None
        path = posixpath.normpath(posixpath.join(self._folder, parts["path"]))
        return f"{path}{parts['extras'] or ''}" if self._files.exists(path) else None


def _looks_local(target: str) -> bool:
    name = target.partition("[")[0]
    return " @ " not in target and (name.startswith(".") or "/" in name or name.endswith(_ARCHIVE))


def _key(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement


def _allows_any(requirement: str) -> bool:
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return False
    return not parsed.specifier and not parsed.url and not parsed.extras
