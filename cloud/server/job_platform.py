"""What the executions of all jobs of a local cloud share."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from cloud.engine.confinement.confiner import Access, Confiner
from cloud.engine.jobs.bounds import Bounds
from cloud.engine.jobs.execution import Platform
from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.jobs.preemptions import Preemptions
from cloud.engine.jobs.preparation import Fetch, Images, Preparation, RuntimeSource
from cloud.engine.launch.client import Launcher
from cloud.engine.project.identities import project_number
from cloud.engine.runtimes.requirements import Requirements
from cloud.engine.runtimes.source_wheels import BuildWheel
from cloud.engine.state_folder import StateFolder
from cloud.settings import Settings


def job_platform(
    settings: Settings,
    state: StateFolder,
    *,
    launcher: Launcher,
    runtimes: RuntimeSource,
    images: Callable[[], Images],
    requirements: Callable[[BuildWheel], Requirements],
    fetch: Fetch,
    environ: Mapping[str, str],
    confiner: Confiner,
    access: Callable[[str], Awaitable[Access]],
    preemptions: Preemptions,
) -> Platform:
    """See ``Platform`` and ``Preparation`` for the arguments."""
    installer = PackageInstaller(launcher, state.folder("packages"), confiner)
    return Platform(
        executor=launcher,
        preparation=Preparation(
            runtimes=runtimes,
            images=images,
            fetch=fetch,
            installer=installer,
            requirements=requirements(partial(installer.build, environ=environ)),
            environ=environ,
        ),
        environ=environ,
        project=settings.project,
        project_number=project_number(settings.project),
        grace=settings.cancel_grace_seconds,
        bounds=Bounds(settings),
        preemptions=preemptions,
        confiner=confiner,
        access=access,
    )
