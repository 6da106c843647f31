"""``python -m cloud.serve``: an offline Google Cloud until Ctrl-C, or around one command."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloud.cli import options
from cloud.cli.child import FORWARDED, NOT_EXECUTABLE, NOT_FOUND, Guest
from cloud.cli.owner_token import owner_token
from cloud.engine.event_loop import run
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, Unimplemented
from cloud.gateway.environ import CONFLICTING
from cloud.names import check_project
from cloud.server import shells
from cloud.server.announcement import Announcement, RunningCloud, find_running
from cloud.server.local import LocalCloud
from cloud.settings import IamMode, LauncherKind, RuntimeMode, Settings, user_runtime_dir, whole_environ

if TYPE_CHECKING:
    from cloud.gateway.tunnel import Refusal
    from cloud.server.base import ServedCloud

_COMMAND = "python -m cloud.serve"
_STATE = click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="The cloud's state is kept in this folder."
)


class _CommandAfterDashes(click.Group):
    """What follows the first ``--`` is a command of the user's, and never an option or subcommand of ours."""

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
    subcommand_metavar="[env | token | -- COMMAND…]",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@_STATE
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Where to listen on loopback; 0 finds a free port.  [default: $CLOUD_PORT or 0]",
)
@click.option("--project", help="Project id.  [default: $CLOUD_PROJECT or local-project]")
@click.option("--region", help="Its region.  [default: $CLOUD_REGION or us-central1]")
@options.launcher
@options.iam
@click.option(
    "--backend",
    type=click.Choice(["local", "gcp"]),
    default="local",
    help="gcp: ML Engine's API, served here over Google's own cloud.  [default: local]",
)
@click.option("--service-account", help="As whom jobs and versions run there. (gcp)")
@options.runtime
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
    runtime: str | None,
) -> None:
    """An offline Google Cloud for machine learning, which Google's clients reach with environment variables alone.

    Alone it serves until Ctrl-C. With a command after "--" it runs that inside, and ends with its exit status. The
    subcommand "env" prints the environment for another shell, "token" an access token. Without --state all is gone at
    the end.
    """
    command: list[str] | None = context.obj
    if context.invoked_subcommand is not None:
        if command is not None:
            raise click.UsageError(f"{context.invoked_subcommand} takes no command")
        return
    if command == []:
        raise click.UsageError("a command is missing after --")
    with _clear_errors():
        given: dict[str, object] = {
            "state_dir": state,
            "port": port,
            "project": project and check_project(project),
            "region": region,
            "launcher": launcher and LauncherKind(launcher),
            "iam": iam and IamMode(iam),
            "runtime": runtime and RuntimeMode(runtime),
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        settings = replace(Settings.from_environ(), **chosen)  # type: ignore[arg-type]
        if backend == "gcp" and project is None:
            raise InvalidArgument("is missing: --backend gcp needs a project of yours", field="--project")
        if service_account and backend == "local":
            raise InvalidArgument("is not for --backend local", field="--service-account")
        sys.exit(run(_Serving(settings, command, is_bridge=backend == "gcp", account=service_account).run()))


@main.command(short_help="The environment for another shell.")
@_STATE
@click.option("--shell", type=click.Choice(list(shells.FORMS)), default="bash", show_default=True)
def env(*, state: Path | None, shell: str) -> None:
    """Print the environment that makes a shell's programs use the cloud that is running.

    eval "$(python -m cloud.serve env)"
    """
    with _clear_errors():
        click.echo(shells.FORMS[shell](_running(state).environ, CONFLICTING), nl=False)


@main.command(short_help="An access token of the owner.")
@_STATE
def token(*, state: Path | None) -> None:
    """Print an access token of the project's owner, as "gcloud auth print-access-token" does where gcloud is installed.

    It is one of the cloud whose environment this is; elsewhere, of the cloud that is running.
    """
    with _clear_errors():
        door = None if state else whole_environ().get("STORAGE_EMULATOR_HOST")
        click.echo(owner_token(door or _running(state).environ["STORAGE_EMULATOR_HOST"]))


def _running(state: Path | None) -> RunningCloud:
    state = state or Settings.from_environ().state_dir
    running = find_running(state or user_runtime_dir())
    if running is None:
        flag = f" --state {state}" if state else ""
        raise FailedPrecondition(f"no cloud is running{flag and ' with'}{flag}: start one with {_COMMAND}{flag}")
    return running


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turns what the user can act on into one line and an exit status."""
    try:
        yield
    except CloudError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, (InvalidArgument, Unimplemented)) else 1)
    except OSError as error:
        from cloud.engine.disk import disk_full

        full = disk_full(error)
        if full is None:
            raise
        click.echo(f"error: {full}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


class _Serving:
    """One run: a cloud, and what it is for.

    Args:
        is_bridge: to Google's cloud, where jobs run as ``account``.
    """

    def __init__(
        self, settings: Settings, command: Sequence[str] | None, *, is_bridge: bool = False, account: str | None = None
    ) -> None:
        self._settings = settings
        self._is_bridge, self._account = is_bridge, account
        self._command = command
        self._on_signal: Callable[[signal.Signals], None] | None = None
        self._ended_by: signal.Signals | None = None

    async def run(self) -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run made it
        numbers = FORWARDED if self._command else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._signalled, number, task)
        try:
            async with self._cloud() as cloud:
                environ = await cloud.owner_environ()
                gc.freeze()
                gc.enable()  # see cloud/serve.py
                with closing(self._announce(cloud, environ)):
                    try:
                        return await (self._around(environ) if self._command else self._until_ended(cloud))
                    finally:
                        for violation in cloud.violations:
                            click.echo(f"not allowed: {violation}", err=True)
        except asyncio.CancelledError:
            if self._ended_by is None:
                raise
            return 128 + self._ended_by

    def _cloud(self) -> "ServedCloud":
        if not self._is_bridge:
            return LocalCloud(self._settings, on_refusal=self._refused, soon_a_job=False)
        # Imported here: who stays on this machine needs nothing of Google's.
        from cloud.backends.gcp import open_gcp
        from cloud.server.bridge import Bridge

        settings = self._settings
        google = open_gcp(
            project=settings.project, region=settings.region, service="vertex-ai", service_account=self._account
        )
        return Bridge(settings, google, on_refusal=self._refused)

    def _signalled(self, number: signal.Signals, task: "asyncio.Task[int]") -> None:
        if self._on_signal is not None:
            self._on_signal(number)
        elif number not in (signal.SIGUSR1, signal.SIGUSR2):
            self._ended_by = number
            task.cancel()

    def _announce(self, cloud: "ServedCloud", environ: dict[str, str]) -> Announcement:
        return Announcement(RunningCloud(os.getpid(), cloud.url, environ), [cloud.state_dir, user_runtime_dir()])

    async def _around(self, environ: dict[str, str]) -> int:
        assert self._command is not None  # noqa: S101 - asked before
        inherited = {name: value for name, value in whole_environ().items() if name not in CONFLICTING}
        guest = Guest(self._command, inherited | environ)
        self._on_signal = guest.forward
        try:
            return await guest.run()
        except OSError as error:
            click.echo(f"error: {self._command[0]}: {error.strerror}", err=True)
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE

    async def _until_ended(self, cloud: "ServedCloud") -> int:
        ended = asyncio.Event()
        self._on_signal = lambda _: ended.set()
        click.echo(_welcome(cloud, is_bridge=self._is_bridge))
        await ended.wait()
        self._on_signal = None  # whoever asks again need not wait
        click.echo("ending")
        return 0

    def _refused(self, refusal: "Refusal") -> None:
        # The first, and then ever more rarely: a client that tries again and again shall not fill the screen.
        if refusal.count & (refusal.count - 1) == 0:
            times = f", {refusal.count} times" if refusal.count > 1 else ""
            click.echo(f"refused: {refusal.host}:{refusal.port} is not emulated here{times}", err=True)


def _welcome(cloud: "ServedCloud", *, is_bridge: bool) -> str:
    from cloud.gateway.hosts import is_emulated

    settings = cloud.settings
    kept = "kept" if settings.state_dir else "gone at the end"
    apis = _BRIDGED if is_bridge else _APIS
    shown = [f"  {host:<26} {what}" for host, what in apis.items() if is_emulated(host, 443)]
    what = "ML Engine over Vertex AI" if is_bridge else "Google Cloud, offline"
    state = f" --state {settings.state_dir}" if settings.state_dir else ""
    return "\n".join(
        [
            f"{what}: project {settings.project}, {settings.region}",
            f"  {cloud.state_dir!s:<26} its state, {kept}",
            *shown,
            f"  {cloud.url.removeprefix('http://'):<26} the proxy that leads there, and the metadata server",
            "In another shell:",
            f'  eval "$({sys.executable} -m cloud.serve env{state})"',
            "Ctrl-C ends it.",
        ]
    )


_BRIDGED = {
    "ml.googleapis.com": "ML Engine v1, over Vertex AI",
    "storage.googleapis.com": "Cloud Storage, handed on",
    "logging.googleapis.com": "Cloud Logging: entries.list of jobs",
    "oauth2.googleapis.com": "access tokens for this bridge",
}
_APIS = {
    "storage.googleapis.com": "Cloud Storage, JSON and XML",
    "ml.googleapis.com": "ML Engine v1",
    "aiplatform.googleapis.com": "Vertex AI v1",
    "logging.googleapis.com": "Cloud Logging: entries.list",
    "oauth2.googleapis.com": "access tokens",
}
