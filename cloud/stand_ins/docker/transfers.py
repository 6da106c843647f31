"""``docker push``, ``pull``, ``login`` and ``logout``."""

import sys

from cloud.stand_ins.docker.commands import command
from cloud.stand_ins.docker.display import split_name, whole_name
from cloud.stand_ins.docker.engine_client import EngineClient
from cloud.stand_ins.docker.flags import Given, Option

_HUB = "https://index.docker.io/v1/"
_QUIET = Option("quiet", "q", takes_value=False, effect="print the name only")
_ALL = Option("all-tags", "a", takes_value=False, effect="all tags of the name")
_ACCEPTED = (Option("disable-content-trust", takes_value=False), Option("platform"))


@command("push", "image push", usage="NAME[:TAG]", options=(_ALL, _QUIET, *_ACCEPTED), least=1, most=1)
def push(engine: EngineClient, given: Given) -> None:
    push_one(engine, given.arguments[0], all_tags=given.is_set("all-tags"), is_quiet=given.is_set("quiet"))


def push_one(engine: EngineClient, name: str, *, all_tags: bool = False, is_quiet: bool = False) -> None:
    repository, tag = split_name(name)
    if not all_tags and not tag and not is_quiet:
        sys.stdout.write("Using default tag: latest\n")
    _show(engine, f"/images/{repository}/push", {"tag": "" if all_tags else tag or "latest"}, is_quiet=is_quiet)
    if is_quiet:
        sys.stdout.write(f"{repository}:{tag or 'latest'}\n")


@command("pull", "image pull", usage="NAME[:TAG|@DIGEST]", options=(_ALL, _QUIET, *_ACCEPTED), least=1, most=1)
def pull(engine: EngineClient, given: Given) -> None:
    repository, tag = split_name(given.arguments[0])
    is_quiet = given.is_set("quiet")
    if not tag and not is_quiet:
        sys.stdout.write("Using default tag: latest\n")
    _show(engine, "/images/create", {"fromImage": repository, "tag": tag or "latest"}, is_quiet=is_quiet)
    sys.stdout.write(f"{whole_name(repository)}{'@' if tag.startswith('sha256:') else ':'}{tag or 'latest'}\n")


@command(
    "login",
    usage="[SERVER]",
    options=(
        Option("username", "u"),
        Option("password", "p"),
        Option("password-stdin", takes_value=False, effect="read it, and do nothing with it"),
    ),
    most=1,
)
def login(engine: EngineClient, given: Given) -> None:
    """Credentials go nowhere: who can connect is the owner."""
    if given.is_set("password-stdin"):
        sys.stdin.buffer.read()
    found = engine.answer("POST", "/auth", body={"serveraddress": (given.arguments or [_HUB])[0]})
    sys.stdout.write(f"{found['Status']}\n")


@command("logout", usage="[SERVER]", most=1)
def logout(_: EngineClient, given: Given) -> None:
    sys.stdout.write(f"Removing login credentials for {(given.arguments or ['docker.io'])[0]}\n")


def _show(engine: EngineClient, path: str, query: dict[str, str], *, is_quiet: bool) -> None:
    for message in engine.lines(path, query):
        if status := message.get("status"):
            identifier = message.get("id")
            if not is_quiet:
                sys.stdout.write(f"{identifier}: {status}\n" if identifier else f"{status}\n")
                sys.stdout.flush()
