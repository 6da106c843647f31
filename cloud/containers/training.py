"""Runs a staged trainer in a custom container, like Google's prebuilt containers for training.

    python -m cloud.containers.training --package gs://BUCKET/TRAINER.tar.gz --module trainer.task -- ARGS…

Packages are installed as in the local cloud: into a private folder, without downloading their requirements, which the
image must have. Then the module replaces this process (exec), so that it receives signals and sets the exit status.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.client import Command, Launcher
from cloud.engine.launch.output import OutputLine
from cloud.engine.runtimes.requirements import Environment, Requirements
from cloud.engine.runtimes.view import view_of_installed
from cloud.errors import CloudError, NotFound, Unavailable
from cloud.names import GsUri, check_module
from cloud.resources.log_entries import Severity
from cloud.settings import LauncherKind, RequirementsMode, whole_environ

_RETRIES = 4
"""Of a download, with doubling pauses: half a minute in all."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--package", "packages", multiple=True, required=True, help="gs:// of a .tar.gz or .whl; may be repeated."
)
@click.option("--module", required=True, help="The trainer's module, such as trainer.task.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def main(packages: tuple[str, ...], module: str, args: tuple[str, ...]) -> None:
    """Install packages from a bucket and run a module of them."""
    work = Path(tempfile.mkdtemp(prefix="trainer-"))
    try:
        check_module(module)
        environment = asyncio.run(_install([GsUri.parse(package) for package in packages], work))
    except CloudError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    python = environment.interpreter
    command = Command(module, args, whole_environ(), Path.cwd(), environment.import_path, python)
    click.echo(f"Running command: python3 -m {module} {' '.join(args)}")
    os.execve(python.path, [str(python.path), "-m", module, *args], command.full_environ())  # noqa: S606


async def _install(packages: Sequence[GsUri], work: Path) -> Environment:
    """Install ``packages``; returns the trainer's Python, which sees them and the image, but nothing of this project.

    Raises:
        CloudError: a package is missing, cannot be installed, or requires packages that the image lacks.
    """
    runtime = await asyncio.to_thread(view_of_installed, work / "runtimes")
    launcher = Launcher(LauncherKind.COLD)
    installer = PackageInstaller(launcher, work / "built")
    try:
        folders = [
            await installer.install(
                await asyncio.to_thread(_download, package, work),
                work=work,
                environ=whole_environ(),
                interpreter=runtime.interpreter,
                on_output=_print,
            )
            for package in packages
        ]
    finally:
        await launcher.close()
    folders.reverse()  # as with pip, the package installed last wins
    requirements = Requirements(work / "layers", RequirementsMode.INSTALLED, environ=whole_environ())
    environment = await requirements.install(runtime, folders, (), work=work, log=_log)
    return Environment(environment.interpreter, (*folders, *environment.import_path))


def _download(package: GsUri, work: Path) -> Path:
    # Google's client with the application default credentials: it honours every variable that leads to a cloud.
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient import discovery  # type: ignore[import-untyped]
    from googleapiclient.errors import HttpError  # type: ignore[import-untyped]
    from httplib2.error import HttpLib2Error

    destination = Path(tempfile.mkdtemp(dir=work)) / package.name
    try:
        with discovery.build("storage", "v1", cache_discovery=False) as storage:
            request = storage.objects().get_media(bucket=package.bucket, object=package.path)
            destination.write_bytes(request.execute(num_retries=_RETRIES))
    except HttpError as error:
        raise NotFound(f"{package}: {error.reason} ({error.status_code})", field="--package") from error
    except (GoogleAuthError, HttpLib2Error, OSError) as error:
        raise Unavailable(f"{package}: {error}", field="--package") from error
    return destination


def _log(text: str, severity: Severity) -> None:
    click.echo(text, err=severity is not Severity.INFO)


def _print(line: OutputLine) -> None:
    click.echo(line.text, err=line.stream == "stderr")


if __name__ == "__main__":
    main()
