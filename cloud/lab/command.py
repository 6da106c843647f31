"""The command line of the lab."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import click

from cloud.cli import options
from cloud.cli.errors import clear_errors
from cloud.engine.event_loop import run
from cloud.errors import InvalidArgument
from cloud.lab.bundle import PLATFORMS, make_bundle
from cloud.lab.folder import DEFAULT, LabFolder
from cloud.lab.notebooks import LANGUAGES, language_of
from cloud.names import check_project
from cloud.settings import ConfineMode, GcloudMode, IamMode, LauncherKind, Settings, whole_environ


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[bundle]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--lang", type=click.Choice(list(LANGUAGES)), help="Of chapters and menus.  [default: this user's]")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder of the work and the cloud, made if missing.  [default: $CLOUD_STATE or {DEFAULT}]",
)
@click.option("--reset", is_flag=True, help="Begin anew: remove the work and the cloud of earlier runs.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="JupyterLab's (loopback only); 0 picks a free one.  [default: 8888, or the next that is free]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--project", help="Project id.  [default: $CLOUD_PROJECT or local-project]")
@click.option("--region", help="Region.  [default: $CLOUD_REGION or us-central1]")
@options.launcher
@options.iam
@options.confine
@options.gcloud
@click.pass_context
def main(
    context: click.Context,
    *,
    lang: str | None,
    state: Path | None,
    reset: bool,
    port: int | None,
    no_browser: bool,
    project: str | None,
    region: str | None,
    launcher: str | None,
    iam: str | None,
    confine: str | None,
    gcloud: str | None,
) -> None:
    """The lab "Scale your TensorFlow model with Cloud ML Engine", in JupyterLab, with a cloud of your own, offline.

    It serves until Ctrl-C, and the work stays: the same command goes on with it.
    """
    if context.invoked_subcommand is not None:
        return
    with clear_errors():
        from cloud.lab.jupyter import check_installed, hold_port

        check_installed()
        settings = Settings.from_environ()
        folder = LabFolder(state or settings.state_dir or DEFAULT)
        if reset:
            removed = folder.reset()
            click.echo("\n".join(f"removed {path}" for path in removed) or f"nothing to remove in {folder.path}")
        folder.create()
        given: dict[str, object] = {
            "state_dir": folder.cloud,
            "project": project and check_project(project),
            "region": region,
            "launcher": launcher and LauncherKind(launcher),
            "iam": iam and IamMode(iam),
            "confine": confine and ConfineMode(confine),
            "gcloud": gcloud and GcloudMode(gcloud),
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        settings = replace(settings, **chosen)  # type: ignore[arg-type]
        from cloud.lab.session import Session

        session = Session(
            folder,
            settings,
            language=lang or language_of(whole_environ()),
            held_port=hold_port(port),
            opens_browser=not no_browser,
        )
        sys.exit(run(session.run()))


@main.command(short_help="Gather all wheels, for machines without a network.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--platform", type=click.Choice(list(PLATFORMS)), help="Of the laptops.  [default: this machine's]")
@click.option("--python-version", metavar="3.N", help="Of the laptops' Python.  [default: this one's]")
def bundle(*, folder: Path, platform: str | None, python_version: str | None) -> None:
    """Gather in FOLDER every wheel that a laptop needs for the lab, so that it needs no network.

    It prints the line that installs from there.
    """
    with clear_errors():
        if python_version and not re.fullmatch(r"3\.\d{1,2}", python_version):
            raise InvalidArgument(f"a version such as 3.12, not {python_version!r}", field="--python-version")
        line = make_bundle(folder, platform, python_version)
        click.echo(f"Without a network, where this folder is:\n  {line}")
