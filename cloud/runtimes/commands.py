"""The commands of ``python -m cloud.runtimes``."""

import asyncio
import os
import re
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import click

from cloud.engine.runtimes.builder import Builder, runtime_of
from cloud.engine.runtimes.demands import THE_JOB
from cloud.engine.runtimes.image_layer import build_image_layer
from cloud.engine.runtimes.names import IMAGE, INSTALLED
from cloud.engine.runtimes.python_facts import python_facts
from cloud.engine.runtimes.recipes import choose, recipe
from cloud.engine.runtimes.requirements import Requirements
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.runtimes import tensorflow_version
from cloud.engine.runtimes.store import State, Store, Stored, unusable_store
from cloud.engine.runtimes.uv import Uv
from cloud.engine.runtimes.view import view_of_installed
from cloud.errors import CloudError, InvalidArgument
from cloud.folders.temporary import Kind, temporary_folder
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode, runtimes_dir, whole_environ

T = TypeVar("T")
INTERRUPTED = 130


@click.group()
def main() -> None:
    """The runtimes of jobs: environments in a store of yours, which all local clouds share.

    A job that requests a runtime version of ML Engine, or one of Vertex AI's images, runs in the nearest of them.
    """


@main.command("list")
def list_runtimes() -> None:
    """List the runtimes that exist."""
    _run(_list())


async def _list() -> None:
    store = Store(runtimes_dir())
    click.echo(f"{INSTALLED:24} {'ready':8} {'':>8}  {_installed().description}")
    for stored in store.entries():
        state = stored.state.value.partition(":")[0]
        click.echo(f"{stored.folder.name:24} {state:8} {_size(_content(stored)):>8}  {_describe(stored)}")
    click.echo(f"Store: {store.folder}")


@main.command()
@click.argument("name", metavar="VERSION|IMAGE|NAME")
@click.option("--python", type=click.Path(path_type=Path), help="The interpreter to make it with.")
def add(name: str, python: Path | None) -> None:
    """Make the runtime for a runtime version (1.15, 2.8), for the URI of one of Google's training or prediction images,
    or by its own name: tf1, tf2.15, tf2.17, sklearn1.3, xgboost2.1.

    The name "image" adds to the installed environment what Google's images hold beside TensorFlow.
    """
    _run(_add(name, python and python.absolute()))


@main.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a runtime, by its name or the name of its folder."""
    for folder in _run(Store(runtimes_dir()).remove(name)):
        click.echo(f"Removed {folder}.")


@main.command()
@click.argument("packages", metavar="PACKAGE…", nargs=-1)
@click.option(
    "-r", "--requirement", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file of them."
)
@click.option("--for", "name", default=INSTALLED, help="The runtime of the jobs.  [default: the installed one]")
def fetch(packages: tuple[str, ...], requirement: Path | None, name: str) -> None:
    """Get packages, with all that they require, into uv's cache, so that jobs have them with --requirements offline.

    A PACKAGE is a requirement, such as lightgbm==4.3.0.
    """
    wanted = [*packages, *(_read_requirements(requirement) if requirement else [])]
    if not any(wanted):
        raise click.UsageError("name a package, or a file of them with -r")
    _run(_fetch(name, tuple(filter(None, wanted))))


def _read_requirements(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*|\s--hash=\S+", "", line).strip() for line in text.splitlines()]
    for line in lines:
        if line.startswith("-"):
            raise click.UsageError(
                f"{file}: the option {line[:60]!r} is not read: name packages alone, and the index by PIP_INDEX_URL or "
                "PIP_FIND_LINKS"
            )
    return lines


async def _fetch(name: str, wanted: tuple[str, ...]) -> None:
    store = Store(runtimes_dir())
    if name == INSTALLED:
        runtime = _installed()
    elif stored := store.find(name):
        runtime = runtime_of(stored)
    else:
        raise InvalidArgument(f"there is no runtime {name!r}: see python -m cloud.runtimes list", field="--for")
    requirements = Requirements(store.folder / "layers", RequirementsMode.INDEX, environ=whole_environ())
    with temporary_folder(Kind.WORK) as work:
        try:
            await requirements.install(runtime, (), wanted, work=work, log=_log)
        except CloudError as error:
            # Without the field and the author, which are those of a job.
            raise type(error)(error.message.replace(f"{THE_JOB} requires ", "")) from error


async def _add(name: str, python: Path | None) -> None:
    store, uv, installed = Store(runtimes_dir()), Uv(whole_environ()), _installed()
    if name == IMAGE:
        if python is not None:
            raise InvalidArgument("the layer is for the installed environment: leave it out", field="--python")
        await _add_image(store)
        return
    if python is not None and not os.access(python, os.X_OK):
        raise InvalidArgument(f"not an executable: {python}", field="--python")
    chosen = None if python is None else (await python_facts(python)).version
    runtime = choose(name, installed=tensorflow_version(installed), python=chosen)
    if runtime == INSTALLED:
        click.echo(f"{name} runs in what is installed: {installed.description}. There is nothing to add.")
        return
    stored = await Builder(store, uv).build(recipe(runtime), _log, python=python)
    click.echo(f"{runtime} is ready: {_describe(stored)}, {_size(stored.folder)}, in {stored.folder}.")


async def _add_image(store: Store) -> None:
    requirements = Requirements(store.folder / "layers", RequirementsMode.INDEX, environ=whole_environ())
    with temporary_folder(Kind.WORK) as work:
        stored = await build_image_layer(store, requirements, _installed(), _log, work=work)
    if stored is None:
        click.echo("The installed environment holds everything that Google's images hold: there is nothing to add.")
    else:
        click.echo(f"{IMAGE} is ready: {_describe(stored)}, {_size(_content(stored))}, in {_content(stored)}.")


def _installed() -> Runtime:
    try:
        return view_of_installed(runtimes_dir())
    except OSError as error:
        raise unusable_store(runtimes_dir(), error) from error


def _run(work: Coroutine[object, object, T]) -> T:
    try:
        return asyncio.run(work)
    except CloudError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, InvalidArgument) else 1)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)


def _log(line: str, severity: Severity) -> None:
    # Each of a hundred packages, and what only a job does.
    if not line.startswith((" + ", "Requirement already satisfied", "The requirements replace")):
        click.echo(line if severity is Severity.INFO else f"{severity.value}: {line}")


def _content(stored: Stored) -> Path:
    return Path(stored.record.layer) if stored.record and stored.record.layer else stored.folder


def _describe(stored: Stored) -> str:
    if stored.record is None:
        return "another process is making it" if stored.state is State.BUILDING else "half built: add it again"
    broken = "" if stored.state is State.READY else "; its Python has gone: add it again"
    return f"{stored.record.description}, Python {stored.record.python}{broken}"


def _size(folder: Path) -> str:
    """What it takes on the disk; files that it shares with uv's cache count in full."""
    total = sum(
        entry.lstat().st_blocks * 512
        for root, _, names in os.walk(folder)
        for entry in (Path(root, name) for name in names)
    )
    return f"{total / 1e9:.1f} GB" if total >= 1e8 else f"{total / 1e6:.0f} MB"
