"""What happens once in an execution, before its replicas start: runtime, packages, requirements."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cloud.engine.images.bases import runtime_request
from cloud.engine.jobs import python_2
from cloud.engine.jobs.cold_start import heeding_variables
from cloud.engine.jobs.image_root import ImageRoot, split_requirements
from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.output import OnOutput
from cloud.engine.runtimes import image_program, python_code
from cloud.engine.runtimes.framework_pins import with_older_tensorflow
from cloud.engine.runtimes.generated_protobufs import PURE_PYTHON, need_pure_python
from cloud.engine.runtimes.image_holdings import held_and_imported
from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.names import request_of
from cloud.engine.runtimes.recipes import OWN_PYTHON
from cloud.engine.runtimes.requirements import Environment, Requirements
from cloud.engine.runtimes.runtime import Runtime, RuntimeRequest
from cloud.engine.runtimes.uv import Log
from cloud.engine.runtimes.uv_errors import redact
from cloud.errors import FailedPrecondition
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.resources.container_images import ContainerImage
from cloud.resources.log_entries import Severity
from cloud.wire import own_images

Fetch = Callable[[str, GsUri, Path], Awaitable[object]]
"""Downloads one object to a file as the account of an e-mail address."""


class Images(Protocol):
    """The images that were built here: ``ImageStore``."""

    def local(self, name: str) -> ContainerImage | None:
        """That of a digest; None: it is not here any more."""

    def files(self, image: ContainerImage) -> Path:
        """The folder that stands for its root."""


class RuntimeSource(Protocol):
    """Where runtimes come from."""

    async def prepare(self, request: RuntimeRequest | None, log: Log) -> Runtime:
        """The runtime for ``request``, made if it is missing; None requests none.

        Raises:
            CloudError: it cannot be had.
        """


@dataclass(frozen=True, slots=True)
class Prepared:
    """What replicas start in.

    Args:
        request: the runtime that was asked for; None: none was.
        root: the files of the job's image; None: it has none of the user's.
        variables: that its packages need. The job's own come after them.
    """

    environment: Environment
    request: RuntimeRequest | None = None
    root: ImageRoot | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preparation:
    """The parts that prepare executions.

    Args:
        fetch: of packages.
        environ: of package builds.
        images: those that were built here; None: there are none.
    """

    runtimes: RuntimeSource
    fetch: Fetch
    installer: PackageInstaller
    requirements: Requirements
    environ: Mapping[str, str]
    images: Callable[[], Images] | None = None

    def _image(self, spec: TrainingSpec) -> tuple[ContainerImage, Path] | None:
        """Its image with the folder of its files; None: it has none that was built here.

        Raises:
            FailedPrecondition: it was deleted.
        """
        if not spec.image_digest:
            return None
        images = self.images() if self.images else None
        image = images.local(spec.image_digest) if images else None
        if images is None or image is None:
            raise FailedPrecondition(
                f"The image {spec.image} ({spec.image_digest[:19]}) was deleted meanwhile: build it again"
            )
        return image, images.files(image)

    async def run(self, spec: TrainingSpec, work: Path, *, account: str, log: Log, on_output: OnOutput) -> Prepared:
        """The Python of the replicas that run ``spec``'s module; the import path includes the job's packages.

        The log has the lines of Google's runner, which calls pip for each package twice: for the package alone, and for
        what it requires.

        Args:
            work: a folder of the execution's, to be made.
            account: that it runs as.

        Raises:
            CloudError: a part cannot be had. Its message is the job's.
        """
        built = self._image(spec)
        request = request_of(spec) if built is None else _request_of_image(built[0])
        if spec.python_module == own_images.TRAINING and built is None:
            runtime = installed_runtime()
        else:
            runtime = await self.runtimes.prepare(request, log)
        await asyncio.to_thread(work.mkdir)
        packages: list[Path] = []
        root, requirements, variables = None, spec.requirements, spec.env
        if built is not None:
            image, files = built
            root, variables = ImageRoot(files, image.workdir, image.env), {**image.env, **spec.env}
            for line in image.passed_over:
                log(f"Its image was made without this line of its Dockerfile: {line}", Severity.WARNING)
            in_image, of_index = split_requirements(image.requirements)
            archives = [await asyncio.to_thread(root.package, place, work) for place in in_image]
            packages = [await self._install(archive, work, runtime, on_output) for archive in archives]
            requirements = (*of_index, *requirements)
        for uri in spec.package_uris:
            log(f"Downloading the package: {uri}", Severity.INFO)
            log(f"Running command: gsutil -q cp {uri} {uri.name}", Severity.INFO)
            archive = work / uri.name
            await self.fetch(account, uri, archive)
            log(f"Installing the package: {uri}", Severity.INFO)
            command = f"pip3 install --user --upgrade --force-reinstall --no-deps {uri.name}"
            log(f"Running command: {command}", Severity.INFO)
            packages.append(await self._install(archive, work, runtime, on_output))
        # Modules of a later package replace those of an earlier one, as with the runner's successive pip installs.
        packages.reverse()
        held = await asyncio.to_thread(
            held_and_imported,
            built[0].base if built else spec.image or "",
            [root.files] if root else packages,
            (*spec.args, *variables.values()),
        )
        requirements = (*held, *requirements)
        # All packages are there before the first requirement is looked at, so that they meet each other's in any order.
        for name in (*(uri.name for uri in spec.package_uris), *requirements):
            log(f"Running command: pip3 install --user {shlex.quote(redact(name))}", Severity.INFO)
        environment = await self.requirements.install(runtime, packages, requirements, work=work, log=log)
        added = (*packages, *(folder for folder in environment.import_path if folder not in runtime.import_path))
        needed: Mapping[str, str] = {}
        if old := await asyncio.to_thread(need_pure_python, added, (*environment.import_path, *runtime.site)):
            needed = PURE_PYTHON
            log(
                f"{', '.join(old)}: made by a protoc before 3.19. {'='.join(*PURE_PYTHON.items())} is set, with which "
                "they can be imported, and protobuf is slow.",
                Severity.WARNING,
            )
        interpreter = await heeding_variables(environment.interpreter, {**needed, **variables}, packages, log)
        path = (*packages, *environment.import_path)
        for name, write in ((python_code.MODULE, python_code.write), (image_program.MODULE, image_program.write)):
            if spec.python_module == name:
                path = (*path, await asyncio.to_thread(write, work / "program"))
        if python_2.is_requested(spec):
            site = (*environment.import_path, *runtime.site)
            links = await asyncio.to_thread(
                python_2.link_modules, spec.python_module, packages, site, work / "implicit-imports"
            )
            path = (*path, links) if links else path
        return Prepared(Environment(interpreter, path), request, root, needed)

    async def _install(self, archive: Path, work: Path, runtime: Runtime, on_output: OnOutput) -> Path:
        return await self.installer.install(
            archive,
            work=work,
            environ=dict(self.environ),
            interpreter=runtime.interpreter,
            on_output=on_output,
        )


def _request_of_image(image: ContainerImage) -> RuntimeRequest | None:
    """By what it was built from, and with which TensorFlow."""
    request = runtime_request(image.base)
    return request and with_older_tensorflow(request, image.requirements, OWN_PYTHON)
