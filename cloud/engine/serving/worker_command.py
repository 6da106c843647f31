"""``WorkerCommands``: what runs a version's worker."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import cloud
from cloud.engine.confinement.confiner import UNCONFINED, Confiner
from cloud.engine.launch.client import Command, Interpreter
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.serving.worker_folder import socket_in
from cloud.errors import CloudError, Unavailable
from cloud.resources import Framework, VersionSpec
from cloud.resources.log_entries import Severity

Log = Callable[[str, Severity], None]
Prepare = Callable[[VersionSpec, Log], Awaitable[Runtime]]
"""``Runtimes.prepare_server``."""


class WorkerCommands:
    """
    Args:
        environ: of the workers.
        prepare: gives the runtime of a model of scikit-learn or XGBoost; None: there are none.
        confiner: of the workers.
    """

    def __init__(self, environ: Mapping[str, str], prepare: Prepare | None, confiner: Confiner = UNCONFINED) -> None:
        self._environ = dict(environ)
        self._prepare = prepare
        self._confiner = confiner

    @asynccontextmanager
    async def command(self, spec: VersionSpec, folder: Path, log: Log, private: Path) -> AsyncIterator[Command]:
        """Runs the worker of a version, which is to be started before the block ends.

        Args:
            folder: holds its files.
            private: of this worker, see ``worker_folder``.

        Raises:
            Unavailable: its runtime cannot be had.
        """
        package = Path(cloud.__path__[0])
        interpreters, import_path = [Interpreter()], [package]
        module = "cloud.engine.serving.worker"
        argv = ["--model-dir", str(folder), "--socket", str(socket_in(private))]
        if spec.framework is Framework.TENSORFLOW:
            argv += ["--serving-stack", spec.serving_stack]
        else:
            runtime = await self._runtime(spec, log)
            interpreters.append(runtime.interpreter)
            import_path += runtime.import_path
            module = "cloud.engine.serving.frameworks.worker"
            argv += ["--framework", spec.framework, "--python", str(runtime.interpreter.path)]
            for entry in runtime.import_path:
                argv += ["--import-path", str(entry)]
        # A folder with this package alone: what lies beside it is no worker's business.
        (private / "modules").mkdir()
        (private / "modules" / "cloud").symlink_to(package)
        environ = {**self._environ, "HOME": str(private), "TMPDIR": str(private)}
        async with self._confiner.offline(interpreters, import_path, read=(folder,), write=(private,)) as confinement:
            yield Command(module, tuple(argv), environ, folder, (private / "modules",), confinement=confinement)

    async def _runtime(self, spec: VersionSpec, log: Log) -> Runtime:
        if self._prepare is None:
            raise Unavailable(f"there are no runtimes here, and so none for {spec.framework}")
        try:
            return await self._prepare(spec, log)
        except CloudError as error:  # not the model's fault
            raise Unavailable(error.message) from error
