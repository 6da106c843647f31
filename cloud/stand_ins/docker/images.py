"""``docker images``, ``tag``, ``rmi``, ``inspect``, ``history`` and ``image prune``."""

import json
import sys
import time
from typing import Any

from cloud.stand_ins.docker.commands import command
from cloud.stand_ins.docker.display import age_text, formatted, size_text, split_name, table
from cloud.stand_ins.docker.engine_client import EngineClient, EngineFailure
from cloud.stand_ins.docker.flags import Given, Option

_NONE = "<none>"
_FORMAT = Option("format", "f", effect="a template of fields, such as {{.Id}}")
_FORCE = Option("force", "f", takes_value=False, effect="although it has several names")


@command(
    *("images", "image ls", "image list"),
    usage="[NAME[:TAG]]",
    options=(
        Option("quiet", "q", takes_value=False, effect="print ids only"),
        Option("no-trunc", takes_value=False, effect="print whole ids"),
        Option("filter", effect="reference=PATTERN, dangling=true"),
        Option("digests", takes_value=False, effect="with digests, which are the ids here"),
        Option("format", effect="a template of Repository, Tag, ID, Digest, CreatedSince, CreatedAt, Size"),
        Option("all", "a", takes_value=False),
    ),
    most=1,
)
def images(engine: EngineClient, given: Given) -> None:
    filters: dict[str, list[str]] = {}
    for key, _, value in (text.partition("=") for text in given.all("filter")):
        filters.setdefault(key, []).append(value)
    if given.arguments:
        filters.setdefault("reference", []).append(given.arguments[0])
    found = engine.answer("GET", "/images/json", {"filters": json.dumps(filters)})
    rows = [row for image in found for row in _rows(image, whole=given.is_set("no-trunc"))]
    if given.is_set("quiet"):
        sys.stdout.write("".join(f"{each}\n" for each in dict.fromkeys(row["ID"] for row in rows)))
    elif template := given.last("format"):
        if not template.startswith("table"):
            sys.stdout.write("".join(f"{formatted(template, row)}\n" for row in rows))
            return
        _write_table(rows, digests=False)
    else:
        _write_table(rows, digests=given.is_set("digests"))


def _write_table(rows: list[dict[str, str]], *, digests: bool) -> None:
    columns = {"Repository": "REPOSITORY", "Tag": "TAG", **({"Digest": "DIGEST"} if digests else {})}
    columns |= {"ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE"}
    sys.stdout.write(table([*columns.values()], [[row[name] for name in columns] for row in rows]))


def _rows(image: dict[str, Any], *, whole: bool) -> list[dict[str, str]]:
    shared = {
        "ID": image["Id"] if whole else image["Id"][7:19],
        "CreatedSince": age_text(time.time() - image["Created"]),
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(image["Created"])),
        "Size": size_text(image["Size"]),
    }
    names = [split_name(name) for name in image["RepoTags"]] or [(_NONE, _NONE)]
    pushed = {split_name(name)[0] for name in image["RepoDigests"]}
    return [
        {"Repository": repository, "Tag": tag, "Digest": image["Id"] if repository in pushed else _NONE, **shared}
        for repository, tag in names
    ]


@command("tag", "image tag", usage="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", least=2, most=2)
def tag(engine: EngineClient, given: Given) -> None:
    source, target = given.arguments
    repository, label = split_name(target)
    engine.answer("POST", f"/images/{source}/tag", {"repo": repository, "tag": label})


@command(
    *("rmi", "image rm"),
    usage="IMAGE [IMAGE...]",
    options=(_FORCE, Option("no-prune", takes_value=False)),
    least=1,
    most=None,
)
def remove(engine: EngineClient, given: Given) -> int:
    """Each of them, also after one that cannot be removed."""
    status = 0
    for name in given.arguments:
        try:
            found = engine.answer("DELETE", f"/images/{name}", {"force": "1"} if given.is_set("force") else {})
        except EngineFailure as error:
            sys.stderr.write(f"{error.message}\n")
            status = 1
        else:
            sys.stdout.write("".join(f"{what}: {which}\n" for each in found for what, which in each.items()))
    return status


@command("image prune", options=(_FORCE, Option("all", "a", takes_value=False), Option("filter")))
def prune(engine: EngineClient, _: Given) -> None:
    found = engine.answer("POST", "/images/prune")
    for each in found["ImagesDeleted"] or ():
        sys.stdout.write("".join(f"{what.lower()}: {which}\n" for what, which in each.items()))
    sys.stdout.write(f"Total reclaimed space: {size_text(found['SpaceReclaimed'])}\n")


_INSPECT = (_FORMAT, Option("type"), Option("size", "s", takes_value=False))


@command("inspect", usage="NAME [NAME...]", options=_INSPECT, least=1, most=None)
def inspect(engine: EngineClient, given: Given) -> int:
    return _inspect(engine, given, missing="Error: No such object: {name}")


@command("image inspect", usage="IMAGE [IMAGE...]", options=_INSPECT, least=1, most=None)
def inspect_image(engine: EngineClient, given: Given) -> int:
    return _inspect(engine, given, missing="{error}")


def _inspect(engine: EngineClient, given: Given, missing: str) -> int:
    found, failures = [], []
    for name in given.arguments:
        try:
            found.append(engine.answer("GET", f"/images/{name}/json"))
        except EngineFailure as error:
            failures.append(missing.format(name=name, error=error.message))
    if template := given.last("format"):
        sys.stdout.write("".join(f"{formatted(template, image)}\n" for image in found))
    else:
        sys.stdout.write(f"{json.dumps(found, indent=4)}\n")
    sys.stdout.flush()
    sys.stderr.write("".join(f"{failure}\n" for failure in failures))
    return 1 if failures else 0


@command(
    *("history", "image history"),
    usage="IMAGE",
    options=(Option("quiet", "q", takes_value=False, effect="print ids only"), Option("no-trunc", takes_value=False)),
    least=1,
    most=1,
)
def history(engine: EngineClient, given: Given) -> None:
    rows = engine.answer("GET", f"/images/{given.arguments[0]}/history")
    if given.is_set("quiet"):
        sys.stdout.write("".join(f"{row['Id'][7:19]}\n" for row in rows))
        return
    shown = [
        [
            row["Id"][7:19],
            age_text(time.time() - row["Created"]),
            row["CreatedBy"],
            size_text(row["Size"]),
            row["Comment"],
        ]
        for row in rows
    ]
    sys.stdout.write(table(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], shown))
