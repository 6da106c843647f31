"""``python -m cloud.serve``: an offline Google Cloud until Ctrl-C, or around one command."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cloud.cli import options
from cloud.cli.child import FORWARDED, NOT_EXECUTABLE, NOT_FOUND, ChildCommand
from cloud.cli.errors import clear_errors, warn
from cloud.cli.owner_requests import owner_token, run_lifecycle
from cloud.cli.quick_imports import import_aiohttp
from cloud.cli.refusals import report_refusal, tally
from cloud.cli.welcome import COMMAND, welcome
from cloud.engine.event_loop import run
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.gateway.environ import CONFLICTING
from cloud.names import check_project
from cloud.server import shells
from cloud.server.announcement import Announcement, RunningCloud, find_latest, find_running
from cloud.server.local import LocalCloud
from cloud.settings import (
    ConfineMode,
    GcloudMode,
    GpuQuota,
    IamMode,
    LauncherKind,
    RequirementsMode,
    RuntimeMode,
    ServiceAgents,
    Settings,
    user_runtime_folders,
    whole_environ,
)

if TYPE_CHECKING:
    from cloud.console.server import ConsoleServer
    from cloud.server.base import ServedCloud

_STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="Keep the cloud's state in this folder."
)


class _CommandAfterDashes(click.Group):
    """Everything after the first ``--`` is the user's command, never an option or subcommand of ours."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        context.obj = None
        if "--" in args:
            cut = args.index("--")
            context.obj, args = args[cut + 1 :], args[:cut]
        return super().parse_args(context, args)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            raise click.UsageError(f"{args[0]!r} is no subcommand: a command to run inside the cloud comes after --")
        return super().resolve_command(context, args)


@click.group(
    cls=_CommandAfterDashes,
    invoke_without_command=True,
    subcommand_metavar="[env | token | console | lifecycle | -- COMMAND…]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@_STATE
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on (loopback only); 0 picks a free one.  [default: $CLOUD_PORT or 0]",
)
@click.option("--project", help="Project id.  [default: $CLOUD_PROJECT or local-project]")
@click.option("--region", help="Region.  [default: $CLOUD_REGION or us-central1]")
@options.launcher
@options.iam
@options.service_agents
@click.option(
    "--backend",
    type=click.Choice(["local", "gcp"]),
    default="local",
    help="gcp: serve ML Engine's API over Google's own cloud.  [default: local]",
)
@click.option("--service-account", help="Account that jobs and versions run as. (gcp)")
@options.runtime
@options.requirements
@options.gcloud
@options.gpu_quota
@options.confine
@options.job_reads
@options.public
@click.option(
    "--console",
    type=click.Choice(["on", "off"]),
    default="on",
    help="Pages of the cloud for a browser, unless it is around a command.  [default: on]",
)
@click.pass_context
def main(
    context: click.Context,
    *,
    backend: str,
    service_account: str | None,
    state: Path | None,
    port: int | None,
    project: str | None,
    region: str | None,
    launcher: str | None,
    iam: str | None,
    service_agents: str | None,
    runtime: str | None,
    requirements: str | None,
    gcloud: str | None,
    gpu_quota: str | None,
    confine: str | None,
    job_reads: tuple[Path, ...],
    public: tuple[tuple[str, Path], ...],
    console: str,
) -> None:
    """An offline Google Cloud for machine learning, which Google's clients reach with environment variables alone.

    By itself it serves until Ctrl-C. With a command after "--" it runs that inside the cloud and exits with its
    status. The subcommand "env" prints the environment for another shell, "token" an access token. Without --state
    everything is deleted at the end.
    """
    command: list[str] | None = context.obj
    if context.invoked_subcommand is not None:
        if command is not None:
            raise click.UsageError(f"{context.invoked_subcommand} takes no command")
        _hand_on(context, context.invoked_subcommand)
        return
    if command == []:
        raise click.UsageError("a command is missing after --")
    with clear_errors():
        given: dict[str, object] = {
            "state_dir": state,
            "port": port,
            "project": project and check_project(project),
            "region": region,
            "launcher": launcher and LauncherKind(launcher),
            "iam": iam and IamMode(iam),
            "service_agents": service_agents and ServiceAgents(service_agents),
            "runtime": runtime and RuntimeMode(runtime),
            "gcloud": gcloud and GcloudMode(gcloud),
            "requirements": requirements and RequirementsMode(requirements),
            "gpu_quota": gpu_quota and GpuQuota(gpu_quota),
            "confine": confine and ConfineMode(confine),
            "job_reads": job_reads or None,
            "public": public or None,
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        settings = replace(Settings.from_environ(), **chosen)  # type: ignore[arg-type]
        if backend == "gcp" and project is None:
            raise InvalidArgument("is missing: --backend gcp needs a project of yours", field="--project")
        if service_account and backend == "local":
            raise InvalidArgument("is not for --backend local", field="--service-account")
        local_only = {"--service-agents": service_agents, "--gpu-quota": gpu_quota, "--confine": confine}
        for flag, value in (local_only | {"--job-reads": job_reads, "--public": public}).items():
            if value and backend == "gcp":
                raise InvalidArgument("is not for --backend gcp", field=flag)
        server = _Server(
            settings, command, is_bridge=backend == "gcp", account=service_account, has_console=console == "on"
        )
        sys.exit(run(server.run()))


def _hand_on(context: click.Context, subcommand: str) -> None:
    """Give the subcommand the ``--state`` before it: else it is about another cloud. Other options a new cloud has."""
    for option in context.params:
        if option != "state" and context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{subcommand} has no option --{option.replace('_', '-')}")
    context.default_map = {subcommand: {"state": context.params["state"]}}


@main.command(short_help="The environment for another shell.")
@_STATE
@click.option("--shell", type=click.Choice(list(shells.FORMATS)), default="bash", show_default=True)
def env(*, state: Path | None, shell: str) -> None:
    """Print the environment that makes a shell's programs use the running cloud.

    eval "$(python -m cloud.serve env)"
    """
    with clear_errors():
        click.echo(shells.script(shell, _running(state).environ, CONFLICTING), nl=False)


@main.command(short_help="An access token of the owner.")
@_STATE
def token(*, state: Path | None) -> None:
    """Print an access token of the project's owner, as "gcloud auth print-access-token" does where gcloud is installed.

    It is for the cloud that this shell's environment names, otherwise for the running cloud.
    """
    with clear_errors():
        url = None if state else whole_environ().get("STORAGE_EMULATOR_HOST")
        click.echo(owner_token(url or _running(state).environ["STORAGE_EMULATOR_HOST"]))


@main.command(short_help="Perform what a bucket's lifecycle has due.")
@_STATE
@click.argument("bucket")
def lifecycle(*, state: Path | None, bucket: str) -> None:
    """Perform the rules of BUCKET's lifecycle that are due now, as Google does within a day, and say what was done.

    It is for the cloud that this shell's environment names, otherwise for the running cloud.
    """
    with clear_errors():
        url = None if state else whole_environ().get("STORAGE_EMULATOR_HOST")
        done = run_lifecycle(url or _running(state).environ["STORAGE_EMULATOR_HOST"], bucket)
        click.echo(
            f"{bucket}: {done['deleted']} deleted, {done['changed']} with another storage class, "
            f"{done['aborted']} uploads aborted, {done['kept']} kept by a hold or a retention"
        )


@main.command(short_help="An address that opens the console.")
@_STATE
def console(*, state: Path | None) -> None:
    """Print an address that opens the running cloud's console in a browser, once."""
    with clear_errors():
        running = _running(state)
        if not running.console_port:
            raise FailedPrecondition(
                "this cloud has no console: it was started around a command, or with --console off"
            )
        from cloud.console.server import address

        click.echo(address(running.console_port, running.console_key))


def _running(state: Path | None) -> RunningCloud:
    state = state or Settings.from_environ().state_dir
    # A shell inside a cloud means that one, also where several run.
    url = whole_environ().get("STORAGE_EMULATOR_HOST")
    running = find_running(state) if state else find_latest(user_runtime_folders(), url)
    if running is None:
        flag = f" --state {state}" if state else ""
        raise FailedPrecondition(f"no cloud is running{flag and ' with'}{flag}: start one with {COMMAND}{flag}")
    return running


class _Server:
    """One run of the command.

    Args:
        command: to run inside the cloud; None serves until a signal.
        is_bridge: serve ML Engine's API over Google's cloud, where jobs run as ``account``.
    """

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str] | None,
        *,
        is_bridge: bool = False,
        account: str | None = None,
        has_console: bool = False,
    ) -> None:
        self._has_console = has_console and command is None
        self._console: ConsoleServer | None = None
        self._settings = settings
        self._is_bridge, self._account = is_bridge, account
        self._command = command
        self._on_signal: Callable[[signal.Signals], None] | None = None
        self._ended_by: signal.Signals | None = None

    async def run(self) -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run made it
        signals = FORWARDED if self._command else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in signals:
            loop.add_signal_handler(number, self._handle_signal, number, task)
        try:
            async with self._cloud() as cloud:
                environ = await cloud.owner_environ()
                gc.freeze()
                gc.enable()  # see cloud/serve.py
                if self._has_console and isinstance(cloud, LocalCloud):
                    self._console = await cloud.start_console()
                with closing(self._announce(cloud, environ)):
                    try:
                        return await (
                            self._run_command(cloud, environ) if self._command else self._wait_for_signal(cloud)
                        )
                    finally:
                        for violation in cloud.violations:
                            click.echo(f"not allowed: {violation}", err=True)
                        if cloud.refusals:
                            click.echo(tally(cloud.refusals), err=True)
        except asyncio.CancelledError:
            if self._ended_by is None:
                raise
            return 128 + self._ended_by

    def _cloud(self) -> "ServedCloud":
        if not self._is_bridge:
            import_aiohttp()
            return LocalCloud(self._settings, on_refusal=report_refusal, launcher_first=False)
        # Imported here: a local cloud needs none of Google's client libraries.
        from cloud.backends.gcp import open_gcp
        from cloud.server.bridge import Bridge

        settings = self._settings
        google = open_gcp(
            project=settings.project, region=settings.region, service="vertex-ai", service_account=self._account
        )
        return Bridge(settings, google, on_refusal=report_refusal)

    def _handle_signal(self, number: signal.Signals, task: "asyncio.Task[int]") -> None:
        if self._on_signal is not None:
            self._on_signal(number)
        elif number not in (signal.SIGUSR1, signal.SIGUSR2):
            self._ended_by = number
            task.cancel()

    def _announce(self, cloud: "ServedCloud", environ: dict[str, str]) -> Announcement:
        port, key = (self._console.port, self._console.key) if self._console else (0, "")
        running = RunningCloud(os.getpid(), cloud.url, environ, port, key)
        return Announcement(running, cloud.state_dir, user_runtime_folders(), warn)

    async def _run_command(self, cloud: "ServedCloud", environ: dict[str, str]) -> int:
        assert self._command is not None  # noqa: S101 - checked by the caller
        inherited = {name: value for name, value in whole_environ().items() if name not in CONFLICTING}
        child = ChildCommand(self._command, inherited | environ)
        self._on_signal = child.forward
        telling = asyncio.create_task(_tell_unexpected(cloud))  # the command need not wait for it
        try:
            return await child.run()
        except OSError as error:
            click.echo(f"error: {self._command[0]}: {error.strerror}", err=True)
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        finally:
            await telling

    async def _wait_for_signal(self, cloud: "ServedCloud") -> int:
        received = asyncio.Event()
        self._on_signal = lambda _: received.set()
        address = self._console.address() if self._console else ""
        click.echo(welcome(cloud, await cloud.notices(), is_bridge=self._is_bridge, console=address))
        await received.wait()
        self._on_signal = None  # a second signal cancels the clean-up
        click.echo("ending")
        return 0


async def _tell_unexpected(cloud: "ServedCloud") -> None:
    """Around a command only what its user does not expect is said: the output is the command's."""
    if notices := await cloud.notices():
        for notice in notices.unexpected:
            click.echo(notice, err=True)
