"""``cloud.run --backend gcp``, and the subcommand ``cleanup``."""

import asyncio
import sys

import click
from rich.console import Console
from rich.markup import escape

from cloud.backends.base import Backend
from cloud.backends.gcp import SERVICES, GcpBackend
from cloud.errors import CloudError, InvalidArgument
from cloud.names import GsUri, check_id, check_project
from cloud.workflow.google import preview
from cloud.workflow.google.cleanup import remove_leftovers
from cloud.workflow.google.model_check import Check, check_export, check_saved_model
from cloud.workflow.google.options import Options
from cloud.workflow.plan import Plan


class Command:
    """The parts of ``cloud.run`` that only a run on Google's cloud has."""

    def __init__(self, options: Options, check_model: Check = check_saved_model) -> None:
        self._options, self._check_model = options, check_model

    async def check_export(self, backend: Backend, folder: GsUri) -> str:
        """Check the exported SavedModel before it is deployed; see ``model_check``."""
        return await check_export(backend, folder, self._check_model)

    async def check(self, plan: Plan, console: Console) -> bool:
        """Run the checks and print their findings; returns whether none failed."""
        return await preview.check(self._options, plan, console)

    def announce(self, plan: Plan, console: Console) -> None:
        preview.announce(self._options, plan, self.cleanup(plan), console)

    def cleanup(self, plan: Plan) -> str:
        """The shell command that removes what the run left behind."""
        options = self._options
        return (
            f"python -m cloud.run cleanup --project {options.project} --region {options.region} "
            f"--service {options.service} --bucket {plan.bucket} --run {plan.job_id}"
        )

    def open(self, plan: Plan) -> GcpBackend:
        return self._options.open(plan.job_id.lower())

    async def dry_run(self, plan: Plan, form: str) -> int:
        """Print the requests of a run in the format ``form``, and on stderr what would be billed; returns 0."""
        from cloud.workflow.google.dry_run import list_requests, show

        self.announce(plan, Console(stderr=True))
        show(await list_requests(self._options, plan), form)
        return 0


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--run", "run", required=True, help="The run's name, which it prints when it starts.")
@click.option("--project", required=True)
@click.option("--bucket", help="Its bucket.  [default: PROJECT-ml]")
@click.option("--region", default="us-central1")
@click.option("--service", type=click.Choice(SERVICES), default=SERVICES[0])
def cleanup(*, run: str, project: str, bucket: str | None, region: str, service: str) -> None:
    """Remove what a run on Google's cloud left behind: jobs, versions, models, objects, and its bucket."""
    console, errors = Console(), Console(stderr=True)
    try:
        check_id(run, "--run")
        asyncio.run(clean_up(Options(check_project(project), region, service), run, bucket or f"{project}-ml", console))
    except CloudError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, InvalidArgument) else 1)


async def clean_up(options: Options, run: str, bucket: str, console: Console) -> None:
    """Remove what ``run`` left behind and print each resource removed.

    Raises:
        FailedPrecondition: names everything that could not be removed.
    """
    removed: list[str] = []
    async with options.open() as backend:
        await remove_leftovers(backend, run.lower(), [bucket], removed.append)
    for line in removed or ["nothing"]:
        console.print(f"removed {line}", highlight=False, soft_wrap=True)
