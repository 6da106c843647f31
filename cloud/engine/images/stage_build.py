"""Performs the instructions of one stage.

https://docs.docker.com/reference/dockerfile/
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cloud.engine.images.copying import Source, change_mode, copy_files
from cloud.engine.images.dockerfile import Instruction, without_here_documents
from cloud.engine.images.image_files import ImageFiles
from cloud.engine.images.installed import Installed
from cloud.engine.images.passed_over import PassedOver, Reason
from cloud.engine.images.shell import Shell
from cloud.engine.images.shell_state import State
from cloud.engine.images.stages import declared
from cloud.engine.images.variables import expand, expand_document, split_words
from cloud.errors import InvalidArgument
from cloud.resources.container_images import ContainerImage

_SHELL = ("/bin/sh", "-c")
_ROOT = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""What a Dockerfile may name without having set it."""
_PROXIES = frozenset(
    name
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (proxy, proxy.lower())
)
"""Arguments that no ``ARG`` has to declare."""
_URL = re.compile(r"(?:https?|ftp|gs|git|ssh)://|git@")


class StageBuild:
    """
    Args:
        base: what the stage is made from: an image, or the outcome of another stage.
        files: a copy of its files, which is changed.
        arguments: ``ARG`` of before the first ``FROM``.
        source: what a ``--from`` names; None: nothing that is here.
    """

    def __init__(
        self,
        base: ContainerImage,
        files: Path,
        *,
        escape: str,
        arguments: Mapping[str, str],
        build_args: Mapping[str, str],
        context: Source,
        source: Callable[[str], Source | None],
        log: Callable[[str], None],
    ) -> None:
        self._base = base
        self._files = ImageFiles(files)
        self._escape = escape
        self._global_arguments = arguments
        self._build_args = build_args
        self._context = context
        self._source = source
        self._installed = Installed(base.requirements)
        self._passed_over = PassedOver(log, list(base.passed_over))
        self._arguments = {name: value for name, value in build_args.items() if name in _PROXIES}
        self._env = dict(base.env)
        self._folder = base.workdir
        self._entrypoint, self._command = base.entrypoint, base.command
        self._has_own_command = False
        self._shell: tuple[str, ...] = _SHELL

    @property
    def outcome(self) -> ContainerImage:
        """Without its digest."""
        return ContainerImage(
            digest="",
            base=self._base.base,
            create_time=self._base.create_time,
            requirements=self._installed.requirements,
            env=dict(self._env),
            workdir=self._folder,
            entrypoint=self._entrypoint,
            command=self._command,
            passed_over=tuple(self._passed_over.lines),
        )

    def perform(self, instruction: Instruction) -> None:
        """
        Args:
            instruction: any but ``FROM``.

        Raises:
            InvalidArgument: it fails, as it would in Docker.
        """
        match instruction.name:
            case "ADD" | "COPY":
                self._copy(instruction)
            case "ARG":
                self._arguments |= declared(
                    instruction.value, self._build_args, self._variables, self._escape, self._global_arguments
                )
            case "CMD":
                self._command, self._has_own_command = self._program(instruction), True
            case "ENTRYPOINT":
                self._entrypoint = self._program(instruction)
                if not self._has_own_command:
                    self._command = ()
            case "ENV":
                self._env |= self._pairs(instruction.value)
            case "LABEL":
                self._pairs(instruction.value)
            case "ONBUILD":
                self._passed_over.add(str(instruction), Reason.NO_EFFECT)
            case "RUN":
                self._run(instruction)
            case "SHELL":
                if not instruction.words:
                    raise InvalidArgument('SHELL requires the arguments to be in JSON form: ["/bin/bash", "-c"]')
                self._shell = instruction.words
            case "WORKDIR":
                self._folder = posixpath.normpath(posixpath.join(self._folder, self._expand(instruction.value)))
                self._files.make_folder(self._folder)
            case _:  # EXPOSE, HEALTHCHECK, MAINTAINER, STOPSIGNAL, USER, VOLUME: nothing of a job's
                pass

    @property
    def _variables(self) -> dict[str, str]:
        return {**_ROOT, **self._arguments, **self._env}

    def _expand(self, text: str) -> str:
        return expand(text, self._variables, self._escape)

    def _program(self, instruction: Instruction) -> tuple[str, ...]:
        return instruction.words if instruction.words is not None else (*self._shell, instruction.value)

    def _pairs(self, value: str) -> dict[str, str]:
        """``NAME=value …``, or ``NAME the rest of the line``."""
        words = split_words(value, self._escape)
        if "=" not in words[0]:
            parts = value.split(None, 1)
            if len(parts) == 1:
                raise InvalidArgument(f"{parts[0]} must have two arguments: NAME=value")
            return {self._name(parts[0]): self._expand(parts[1])}
        found = {}
        for word in words:
            name, has_value, text = word.partition("=")
            if not has_value:
                raise InvalidArgument(f"Syntax error - can't find = in {word!r}. Must be of the form: name=value")
            found[self._name(name)] = self._expand(text)
        return found

    def _name(self, text: str) -> str:
        name = self._expand(text)
        if not name or "\0" in name:
            raise InvalidArgument("names can not be blank")
        return name

    # ------------------------------------------------------------ COPY and ADD

    def _copy(self, instruction: Instruction) -> None:
        is_add = instruction.name == "ADD"
        words = instruction.words or without_here_documents(instruction.value).split()
        *names, destination = [self._expand(word) for word in words] or [""]
        if not destination or not (names or instruction.documents):
            raise InvalidArgument(
                f"{instruction.name} requires at least two arguments, but only one was provided. Destination could not "
                "be determined"
            )
        place = self._place(destination)
        mode = _mode(self._expand(instruction.flag("chmod")))
        for document in instruction.documents:
            path = (
                posixpath.join(place, document.name)
                if destination.endswith("/") or self._files.stands_for_folder(place)
                else place
            )
            text = expand_document(document.text, self._variables) if document.expands else document.text
            self._files.write(path, text.encode())
            if mode is not None:
                change_mode(self._files.real(path), mode)
        remote = [name for name in names if is_add and _URL.match(name)]
        if remote:
            self._passed_over.add(str(instruction), Reason.NETWORK)
        if local := [name for name in names if name not in remote]:
            source = self._context
            if origin := self._expand(instruction.flag("from")):
                found = self._source(origin)
                if found is None:
                    self._passed_over.add(str(instruction), Reason.NETWORK)
                    return
                source = found
                local = self._not_from_elsewhere(found, local, instruction)
                if not local:
                    return
            copy_files(source, local, self._files, place, instruction=instruction.name, mode=mode)

    def _not_from_elsewhere(self, source: Source, names: list[str], instruction: Instruction) -> list[str]:
        """The names of files that a stage has. The others would have been made by what was passed over in it: where it
        has installed packages, they are these (``COPY --from=builder /opt/venv /opt/venv``)."""
        missing = [name for name in names if source.lacks(name)]
        if not missing or source.image is None:
            return names
        if source.image.requirements:
            self._installed.merge(source.image.requirements)
            self._passed_over.log(f" ---> to be installed: {', '.join(source.image.requirements)}")
            self._passed_over.files_may_be_missing = True
        elif source.image.passed_over:
            self._passed_over.add(str(instruction), Reason.NO_FILE)
        else:
            return names
        return [name for name in names if source.files.exists(posixpath.join("/", name)) or name not in missing]

    def _place(self, destination: str) -> str:
        """Absolute, with a slash at its end if it must be a folder."""
        place = posixpath.normpath(posixpath.join(self._folder, destination))
        return (
            f"{place.rstrip('/')}/" if destination.endswith(("/", "/.", "/..")) or destination in (".", "..") else place
        )

    # ------------------------------------------------------------ RUN

    def _run(self, instruction: Instruction) -> None:
        shell = Shell(State(self._files, self._installed, self._passed_over, self._variables, self._folder))
        mounted = [
            path
            for flag, value in instruction.flags
            if flag == "mount" and (path := self._mount(dict(part.partition("=")[::2] for part in value.split(","))))
        ]
        try:
            if instruction.words is not None:
                shell.run_program(instruction.words)
            elif instruction.documents and not without_here_documents(instruction.value):
                for document in instruction.documents:
                    self._run_document(shell, document.text)
            else:
                shell.run("\n".join((instruction.value, *(f"{one.text}{one.name}" for one in instruction.documents))))
        finally:
            for path in mounted:
                self._files.remove(path)

    def _run_document(self, shell: Shell, text: str) -> None:
        first = text.partition("\n")[0]
        if first.startswith("#!") and not re.search(r"/(?:env\s+)?(?:ba|da|z)?sh\b", first):
            self._passed_over.add(f"RUN {first}", Reason.PROGRAM)
        else:
            shell.run(text)

    def _mount(self, options: Mapping[str, str]) -> str | None:
        """Puts what ``--mount=type=bind`` mounts where it is to be; the path to remove afterwards."""
        target = options.get("target") or options.get("dst") or options.get("destination")
        if options.get("type", "bind") != "bind" or not target:
            return None
        source = self._source(options["from"]) if options.get("from") else self._context
        place = posixpath.normpath(posixpath.join(self._folder, self._expand(target)))
        if source is None or self._files.exists(place):
            return None
        copy_files(source, [options.get("source") or options.get("src") or "."], self._files, place)
        return place


def _mode(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch("0?[0-7]{3,4}", text):
        raise InvalidArgument(f"--chmod: {text[:20]!r} is no mode in octal digits, such as 755")
    return int(text, 8)
