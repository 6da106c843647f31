"""The arguments of ``docker`` and of kaniko's executor, as far as they are about building images. Pure.

https://docs.docker.com/reference/cli/docker/, https://github.com/GoogleContainerTools/kaniko#additional-flags
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cloud.errors import InvalidArgument

DOCKERFILE = "Dockerfile"


@dataclass(frozen=True, slots=True)
class Build:
    context: str
    dockerfile: str = ""
    """Empty: the one in ``context``."""
    names: tuple[str, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    pushes: bool = False
    is_kanikos: bool = False
    """Its Dockerfile may be named from the context, too."""


@dataclass(frozen=True, slots=True)
class Push:
    name: str
    all_tags: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    name: str


@dataclass(frozen=True, slots=True)
class Tag:
    source: str
    target: str


Command = Build | Push | Pull | Tag

_BUILD_VALUES = {
    "-t": "--tag",
    "-f": "--file",
    "-m": "--memory",
    "-c": "--cpu-shares",
    **{
        name: name
        for name in (
            *("--tag", "--file", "--build-arg", "--target", "--cache-from", "--cache-to", "--network", "--progress"),
            *("--platform", "--label", "--memory", "--memory-swap", "--shm-size", "--add-host", "--cpu-shares"),
            *("--cpu-period", "--cpu-quota", "--ulimit", "--isolation", "--builder", "--provenance", "--sbom"),
        )
    },
}
_BUILD_SWITCHES = {
    "-q": "--quiet",
    **{
        name: name
        for name in (
            *("--quiet", "--no-cache", "--pull", "--rm", "--force-rm", "--compress", "--squash", "--load", "--push"),
        )
    },
}
_PUSH_SWITCHES = {"-q": "--quiet", "--quiet": "--quiet", "-a": "--all-tags", "--all-tags": "--all-tags"}
_PULL_VALUES = {"--platform": "--platform"}
_PULL_SWITCHES = {"-q": "--quiet", "--quiet": "--quiet"}
_KANIKO_VALUES = {
    "-d": "--destination",
    "-f": "--dockerfile",
    "-c": "--context",
    "-v": "--verbosity",
    **{
        name: name
        for name in (
            *("--destination", "--dockerfile", "--context", "--context-sub-path", "--build-arg", "--target"),
            *("--cache-repo", "--cache-dir", "--cache-ttl", "--verbosity", "--snapshot-mode", "--snapshotMode"),
            *("--label", "--log-format", "--push-retry", "--image-fs-extract-retry", "--custom-platform"),
            *("--customPlatform", "--compression", "--ignore-path", "--registry-mirror"),
        )
    },
}
_KANIKO_SWITCHES = {
    name: name
    for name in (
        *("--cache", "--cleanup", "--no-push", "--reproducible", "--single-snapshot", "--use-new-run", "--force"),
        *("--cache-copy-layers", "--cache-run-layers", "--compressed-caching", "--skip-unused-stages"),
        *("--log-timestamp", "--insecure", "--skip-tls-verify"),
    )
}


def docker(arguments: Sequence[str], env: Mapping[str, str]) -> Command:
    """What ``docker ARGUMENTS`` is to do.

    Args:
        env: its variables, of which ``--build-arg NAME`` takes one.

    Raises:
        InvalidArgument: it is none of the commands that are run here.
    """
    rest = list(arguments)
    while rest[:1] and rest[0] in ("image", "buildx"):
        rest = rest[1:]
    match rest:
        case ["build", *given]:
            return _build(given, env)
        case ["push", *given]:
            flags = _Flags("docker push", given, {}, _PUSH_SWITCHES)
            return Push(flags.only(), all_tags=flags.has("--all-tags"))
        case ["pull", *given]:
            return Pull(_Flags("docker pull", given, _PULL_VALUES, _PULL_SWITCHES).only())
        case ["tag", *given]:
            names = _Flags("docker tag", given, {}, {}).rest
            if len(names) != 2:
                raise InvalidArgument(f"docker tag requires exactly 2 arguments, these are {len(names)}.")
            return Tag(*names)
    shown = " ".join(["docker", *arguments])[:200]
    raise InvalidArgument(f"{shown!r} is not run here: of docker only build, tag, push and pull are.")


def kaniko(arguments: Sequence[str], env: Mapping[str, str]) -> Build:
    """What kaniko's executor is to do with these arguments.

    Raises:
        InvalidArgument: it cannot be done here.
    """
    flags = _Flags("kaniko's executor", arguments, _KANIKO_VALUES, _KANIKO_SWITCHES)
    if flags.rest:
        raise InvalidArgument(f"kaniko's executor takes flags only, not {flags.rest[0][:100]!r}.")
    context = flags.last("--context", "/workspace/").removeprefix("dir://")
    if "://" in context:
        raise InvalidArgument(f"--context {context[:200]!r}: only a folder of the source can be the context here.")
    if below := flags.last("--context-sub-path"):
        context = f"{context.rstrip('/')}/{below}"
    names = tuple(flags.all("--destination"))
    pushes = not flags.has("--no-push")
    if pushes and not names:
        raise InvalidArgument("you must provide --destination, or use --no-push")
    return Build(
        context=context,
        dockerfile=flags.last("--dockerfile"),
        names=names,
        build_args=_build_args(flags, env),
        target=flags.last("--target"),
        pushes=pushes,
        is_kanikos=True,
    )


def _build(given: Sequence[str], env: Mapping[str, str]) -> Build:
    flags = _Flags("docker build", given, _BUILD_VALUES, _BUILD_SWITCHES)
    context = flags.only()
    if context == "-" or "://" in context or context.startswith("git@"):
        raise InvalidArgument(
            f"docker build: only a folder of the source can be the context here, not {context[:200]!r}."
        )
    return Build(
        context=context,
        dockerfile=flags.last("--file"),
        names=tuple(flags.all("--tag")),
        build_args=_build_args(flags, env),
        target=flags.last("--target"),
        pushes=flags.has("--push"),
    )


def _build_args(flags: "_Flags", env: Mapping[str, str]) -> dict[str, str]:
    given = {}
    for text in flags.all("--build-arg"):
        name, equals, value = text.partition("=")
        if equals or name in env:
            given[name] = value if equals else env[name]
    return given


class _Flags:
    """Flags and what else a command was given, as Go's pflag reads them (https://pkg.go.dev/github.com/spf13/pflag)."""

    def __init__(
        self, command: str, given: Sequence[str], values: Mapping[str, str], switches: Mapping[str, str]
    ) -> None:
        self._command, self._values, self._switches = command, values, switches
        self._found: list[tuple[str, str]] = []
        self.rest: list[str] = []
        self._read(iter(given))

    def _read(self, given: Iterator[str]) -> None:
        for word in given:
            if word == "--":
                self.rest += given
            elif not word.startswith("-") or word == "-":
                self.rest.append(word)
            elif word.startswith("--"):
                self._long(word, given)
            else:
                self._short(word, given)

    def _long(self, word: str, given: Iterator[str]) -> None:
        name, equals, value = word.partition("=")
        if name in self._values:
            self._found.append((self._values[name], value if equals else self._next(name, given)))
        elif name in self._switches:
            if not equals or value.lower() in ("true", "1", "t"):
                self._found.append((self._switches[name], ""))
        else:
            raise InvalidArgument(f"{self._command}: the flag {name[:100]} is not known here.")

    def _short(self, word: str, given: Iterator[str]) -> None:
        letters = word[1:]
        while letters:
            name, letters = f"-{letters[0]}", letters[1:]
            if name in self._values:
                self._found.append((self._values[name], letters.removeprefix("=") or self._next(name, given)))
                return
            if name not in self._switches:
                raise InvalidArgument(f"{self._command}: the flag {word[:100]} is not known here.")
            self._found.append((self._switches[name], ""))

    def _next(self, name: str, given: Iterator[str]) -> str:
        value = next(given, None)
        if value is None:
            raise InvalidArgument(f"{self._command}: flag needs an argument: {name}")
        return value

    def all(self, name: str) -> list[str]:
        return [value for known, value in self._found if known == name]

    def last(self, name: str, default: str = "") -> str:
        return next(reversed(self.all(name)), default)

    def has(self, name: str) -> bool:
        return bool(self.all(name))

    def only(self) -> str:
        if len(self.rest) != 1:
            raise InvalidArgument(f"{self._command} requires exactly 1 argument, these are {len(self.rest)}.")
        return self.rest[0]
