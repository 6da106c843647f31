"""``docker build``."""

import json
import os
import sys
from pathlib import Path

from cloud.engine.images.names import parse_name
from cloud.errors import InvalidArgument
from cloud.stand_ins.docker.commands import command
from cloud.stand_ins.docker.context import Send, context_of
from cloud.stand_ins.docker.display import size_text
from cloud.stand_ins.docker.engine_client import EngineClient
from cloud.stand_ins.docker.flags import Given, Option, UsageFailure
from cloud.stand_ins.docker.transfers import push_one

_OPTIONS = (
    Option("tag", "t", effect="a name of the image, NAME[:TAG]; may be repeated"),
    Option("file", "f", effect="the Dockerfile; -: of standard input"),
    Option("build-arg", effect="NAME=VALUE of an ARG, or NAME of a variable"),
    Option("target", effect="the stage to build"),
    Option("quiet", "q", takes_value=False, effect="print the image's id only"),
    Option("iidfile", effect="a file for the image's id"),
    Option("push", takes_value=False, effect="push each tag afterwards"),
    *(Option(name, takes_value=False) for name in ("no-cache", "rm", "force-rm", "pull", "load", "compress", "squash")),
    *(
        Option(name)
        for name in ("network", "platform", "cache-from", "cache-to", "label", "progress", "memory", "shm-size")
    ),
    *(Option(name) for name in ("add-host", "ulimit", "provenance", "sbom", "isolation", "builder", "output")),
)


@command(
    *("build", "image build", "builder build", "buildx build"),
    usage="PATH | -",
    options=_OPTIONS,
    least=1,
    most=1,
)
def build(engine: EngineClient, given: Given) -> None:
    for name in given.all("tag"):
        try:
            parse_name(name)
        except InvalidArgument as error:
            raise UsageFailure(f'invalid argument "{name}" for "-t, --tag" flag: {error.message}') from None
    context = context_of(given.arguments[0], given.last("file"))
    quiet, identifier, sent = given.is_set("quiet"), "", 0

    def send(write: Send) -> None:
        def count(piece: bytes) -> None:
            nonlocal sent
            sent += len(piece)
            write(piece)

        context.send(count)
        if not quiet:
            sys.stdout.write(f"Sending build context to Docker daemon  {size_text(sent)}\n")
            sys.stdout.flush()

    query = [("t", name) for name in given.all("tag")]
    query += [
        ("dockerfile", context.dockerfile),
        ("buildargs", json.dumps(_build_args(given.all("build-arg")))),
        ("target", given.last("target")),
        ("rm", "1"),
    ]
    if given.is_set("no-cache"):
        query.append(("nocache", "1"))
    for message in engine.lines("/build", query, send):
        if "stream" in message and not quiet:
            sys.stdout.write(message["stream"])
            sys.stdout.flush()
        identifier = message.get("aux", {}).get("ID", identifier)
    if quiet:
        sys.stdout.write(f"{identifier}\n")
    if file := given.last("iidfile"):
        Path(file).write_text(identifier)
    if given.is_set("push"):
        for name in given.all("tag"):
            push_one(engine, name, is_quiet=quiet)


def _build_args(given: list[str]) -> dict[str, str | None]:
    """``NAME`` alone takes the caller's variable; null, where there is none, keeps the default."""
    pairs = (text.partition("=") for text in given)
    return {name: value if equals else os.environ.get(name) for name, equals, value in pairs}
