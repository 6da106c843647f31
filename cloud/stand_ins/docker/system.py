"""``docker version``, ``info``, ``ps``, and ``run``, which says why not."""

import json
import sys

from cloud.stand_ins.docker.commands import command
from cloud.stand_ins.docker.display import formatted, table
from cloud.stand_ins.docker.engine_client import EngineClient, EngineFailure
from cloud.stand_ins.docker.flags import Given, Option
from cloud.stand_ins.docker.words import LIKE, WHAT_IT_IS

_FORMAT = Option("format", "f", effect="a template of fields")
_NOT_RUN = 125


@command("version", options=(_FORMAT,))
def version(engine: EngineClient, given: Given) -> None:
    server = engine.answer("GET", "/version")
    if template := given.last("format"):
        found = {"Client": {"Version": LIKE, "ApiVersion": server["ApiVersion"]}, "Server": server}
        sys.stdout.write(f"{formatted(template, found)}\n")
        return
    sys.stdout.write(
        f"Client: stand-in\n Version:           {LIKE}\n {WHAT_IT_IS}\n\n"
        f"Server: {server['Platform']['Name']}\n Engine:\n  Version:          {server['Version']}\n"
        f"  API version:      {server['ApiVersion']} (minimum version {server['MinAPIVersion']})\n"
        f"  OS/Arch:          {server['Os']}/{server['Arch']}\n"
    )


@command("info", "system info", options=(_FORMAT,))
def info(engine: EngineClient, given: Given) -> None:
    found = engine.answer("GET", "/info")
    if template := given.last("format"):
        sys.stdout.write(f"{formatted(template, found)}\n")
        return
    names = ("Containers", "Images", "ServerVersion", "OperatingSystem", "OSType", "Architecture", "NCPU", "MemTotal")
    sys.stdout.write(f"Client: stand-in\n {WHAT_IT_IS}\n\nServer:\n")
    sys.stdout.write("".join(f" {name}: {found[name]}\n" for name in (*names, "Name")))


@command(
    *("ps", "container ls"),
    options=(
        *(Option("all", "a", takes_value=False), Option("quiet", "q", takes_value=False), Option("format")),
        *(Option("filter", "f"), Option("no-trunc", takes_value=False), Option("last", "n")),
    ),
)
def containers(engine: EngineClient, given: Given) -> None:
    found = engine.answer("GET", "/containers/json")
    if given.last("format") == "json":
        sys.stdout.write("".join(f"{json.dumps(each)}\n" for each in found))
    elif not given.is_set("quiet") and not given.last("format"):
        headings = ("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
        sys.stdout.write(table(headings, found))


@command(
    *("run", "container run"),
    usage="IMAGE [COMMAND] [ARG...]",
    options=(
        *(Option("env", "e"), Option("volume", "v"), Option("name"), Option("publish", "p"), Option("workdir", "w")),
        *(Option("entrypoint"), Option("gpus"), Option("runtime"), Option("ipc"), Option("shm-size"), Option("mount")),
        *(Option("network"), Option("platform"), Option("user", "u"), Option("env-file"), Option("memory", "m")),
        *(Option("rm", takes_value=False), Option("detach", "d", takes_value=False)),
        *(Option("interactive", "i", takes_value=False), Option("tty", "t", takes_value=False)),
        *(Option("init", takes_value=False), Option("privileged", takes_value=False)),
    ),
    least=1,
    most=None,
    until_argument=True,
)
def run(engine: EngineClient, given: Given) -> int:
    image, *words = given.arguments
    try:
        engine.answer("POST", "/containers/create", body={"Image": image, "Cmd": words})
    except EngineFailure as error:
        sys.stderr.write(f"docker: {error.message}\n")
    return _NOT_RUN
