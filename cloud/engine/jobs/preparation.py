"""What happens once in an execution, before its replicas start: runtime, packages, requirements."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cloud.engine.jobs import python_2
from cloud.engine.jobs.cold_start import heeding_variables
from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.output import OnOutput
from cloud.engine.runtimes import python_code
from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.names import request_of
from cloud.engine.runtimes.requirements import Environment, Requirements
from cloud.engine.runtimes.runtime import Runtime, RuntimeRequest
from cloud.engine.runtimes.uv import Log
from cloud.engine.runtimes.uv_errors import redact
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.wire import own_images

Fetch = Callable[[str, GsUri, Path], Awaitable[object]]
"""Downloads one object to a file as the account of an e-mail address."""


class RuntimeSource(Protocol):
    """Where runtimes come from."""

    async def prepare(self, request: RuntimeRequest | None, log: Log) -> Runtime:
        """The runtime for ``request``, made if it is missing; None requests none.

        Raises:
            CloudError: it cannot be had.
        """


@dataclass(frozen=True, slots=True)
class Preparation:
    """The parts that prepare executions.

    Args:
        fetch: of packages.
        environ: of package builds.
    """

    runtimes: RuntimeSource
    fetch: Fetch
    installer: PackageInstaller
    requirements: Requirements
    environ: Mapping[str, str]

    async def run(self, spec: TrainingSpec, work: Path, *, account: str, log: Log, on_output: OnOutput) -> Environment:
        """The Python of the replicas that run ``spec``'s module; the import path includes the job's packages.

        The log has the lines of Google's runner, which calls pip for each package twice: for the package alone, and for
        what it requires.

        Args:
            work: a folder of the execution's, to be made.
            account: that it runs as.

        Raises:
            CloudError: a part cannot be had. Its message is the job's.
        """
        if spec.python_module == own_images.TRAINING:
            runtime = installed_runtime()
        else:
            runtime = await self.runtimes.prepare(request_of(spec), log)
        await asyncio.to_thread(work.mkdir)
        packages: list[Path] = []
        for uri in spec.package_uris:
            log(f"Downloading the package: {uri}", Severity.INFO)
            log(f"Running command: gsutil -q cp {uri} {uri.name}", Severity.INFO)
            archive = work / uri.name
            await self.fetch(account, uri, archive)
            log(f"Installing the package: {uri}", Severity.INFO)
            command = f"pip3 install --user --upgrade --force-reinstall --no-deps {uri.name}"
            log(f"Running command: {command}", Severity.INFO)
            packages.append(
                await self.installer.install(
                    archive,
                    work=work,
                    environ=dict(self.environ),
                    interpreter=runtime.interpreter,
                    on_output=on_output,
                )
            )
        # Modules of a later package replace those of an earlier one, as with the runner's successive pip installs.
        packages.reverse()
        # All packages are there before the first requirement is looked at, so that they meet each other's in any order.
        for name in (*(uri.name for uri in spec.package_uris), *spec.requirements):
            log(f"Running command: pip3 install --user {shlex.quote(redact(name))}", Severity.INFO)
        environment = await self.requirements.install(runtime, packages, spec.requirements, work=work, log=log)
        interpreter = await heeding_variables(environment.interpreter, spec.env, packages, log)
        path = (*packages, *environment.import_path)
        if spec.python_module == python_code.MODULE:
            path = (*path, await asyncio.to_thread(python_code.write, work / "code"))
        if python_2.is_requested(spec):
            site = (*environment.import_path, *runtime.site)
            links = await asyncio.to_thread(
                python_2.link_modules, spec.python_module, packages, site, work / "implicit-imports"
            )
            path = (*path, links) if links else path
        return Environment(interpreter, path)
