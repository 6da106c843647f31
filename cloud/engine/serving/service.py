"""``ServingService``: the methods of ``Backend`` for models, versions and predictions."""

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cloud.engine.confinement.confiner import UNCONFINED, Confiner
from cloud.engine.disk import disk_full
from cloud.engine.launch.client import Launcher
from cloud.engine.notifier import Changes
from cloud.engine.serving.process import ModelServer
from cloud.engine.serving.records import Records
from cloud.engine.serving.worker_command import Log, Prepare, WorkerCommands
from cloud.errors import (
    AlreadyExists,
    CloudError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from cloud.lifecycle import VersionEvent, VersionState
from cloud.names import check_id
from cloud.resources import Framework, Json, Model, RawAnswer, ServingStack, Version, VersionSpec
from cloud.resources.log_entries import Severity
from cloud.wire.model_files import MODEL_FILES, holds_model, model_hint

Fetch = Callable[[VersionSpec, Path], Awaitable[object]]
"""Copies the files of a version from its bucket to a local folder, as the agent of its service."""

_Key = tuple[str, str]
"""Names of a model and its version."""
_RETRY_INTERVAL = 0.5
"""Seconds between attempts to record a version's state while the disk is full."""
_LEVELS = {Severity.DEBUG: logging.DEBUG, Severity.INFO: logging.INFO}
_log = logging.getLogger(__name__)


class ServingService:
    """Usable between ``start`` and ``close``. See ``Backend`` for its methods and their errors.

    Args:
        state_dir: holds the records and the versions' files; created if missing.
        environ: environment of the workers.
        region: of new models.
        prepare: gives the runtime of a model of scikit-learn or XGBoost; None: none is served.
        confiner: of the workers.
        time_limit: seconds for one prediction.
        idle_limit: seconds after which a worker that nobody asks is ended, until the next prediction; 0: never.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        launcher: Launcher,
        fetch: Fetch,
        environ: Mapping[str, str],
        region: str,
        prepare: Prepare | None = None,
        confiner: Confiner = UNCONFINED,
        time_limit: float = 60.0,
        idle_limit: float = 0.0,
    ) -> None:
        self._files = state_dir / "versions"
        self._records_path = state_dir / "serving.sqlite"
        self._launcher = launcher
        self._fetch = fetch
        self._commands = WorkerCommands(environ, prepare, confiner)
        self._region = region
        self._time_limit, self._idle_limit = time_limit, idle_limit
        self._copying: set[_Key] = set()
        self._deploying: dict[_Key, asyncio.Task[None]] = {}
        self._servers: dict[_Key, ModelServer] = {}

    async def start(self) -> None:
        """Open the records. READY versions are loaded at their first prediction."""
        self._files.mkdir(parents=True, exist_ok=True)
        self._records = Records(self._records_path)
        for version in self._records.versions_in(VersionState.CREATING):
            reason = "Create Version failed. The service was stopped while it loaded the model: create it again."
            self._records.change(version.model, version.name, VersionEvent.FAILED, reason)
        for version in self._records.versions_in(VersionState.DELETING):
            self._records.remove_version(version.model, version.name)
        kept = self._records.folders()
        await asyncio.gather(*(_remove(folder) for folder in self._files.iterdir() if folder.name not in kept))

    async def close(self) -> None:
        """End all workers; records and files stay."""
        for task in self._deploying.values():
            task.cancel()
        await asyncio.gather(*self._deploying.values(), return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self._servers.values()))
        self._records.close()

    @property
    def changes(self) -> Changes:
        """Of models and versions."""
        return self._records.changes

    # ---------------------------------------------------------------- models

    async def create_model(self, name: str, *, description: str = "") -> Model:
        check_id(name, "model.name")
        model = Model(name=name, region=self._region, create_time=_now(), description=description)
        self._records.add_model(model)
        return model

    async def get_model(self, name: str) -> Model:
        return self._records.model(name)

    async def list_models(self) -> list[Model]:
        return self._records.models()

    async def delete_model(self, name: str) -> None:
        self._records.model(name)
        if self._records.versions(name) or any(model == name for model, _ in self._copying):
            raise FailedPrecondition("A model with versions cannot be deleted. Please delete the versions first.")
        self._records.remove_model(name)

    # ---------------------------------------------------------------- versions

    async def create_version(self, spec: VersionSpec) -> Version:
        key = (spec.model, spec.name)
        self._records.model(spec.model)
        if key in self._copying or spec.name in {version.name for version in self._records.versions(spec.model)}:
            raise AlreadyExists("A version with the same name already exists.", field="version.name")
        folder = self._files / uuid.uuid4().hex
        self._copying.add(key)
        try:
            await self._copy(spec, folder)
            version = Version(spec=spec, state=VersionState.CREATING, create_time=_now())
            self._records.add_version(version, folder.name)
        except BaseException:
            await _remove(folder)
            raise
        finally:
            self._copying.discard(key)
        self._deploying[key] = asyncio.create_task(self._deploy(key))
        return self._records.version(*key)

    async def get_version(self, model: str, name: str) -> Version:
        return self._records.version(model, name)

    async def list_versions(self, model: str) -> list[Version]:
        self._records.model(model)
        return self._records.versions(model)

    async def wait_for_version(self, model: str, name: str, *, timeout: float | None = None) -> Version:
        self._records.version(model, name)
        deploying = self._deploying.get((model, name))
        if deploying:
            done, _ = await asyncio.wait({deploying}, timeout=timeout)
            if not done:
                raise DeadlineExceeded(f"version {name} of model {model} is still CREATING after {timeout:g} s")
        return self._records.version(model, name)

    async def set_default_version(self, model: str, name: str) -> Version:
        version = self._records.version(model, name)
        if version.state is not VersionState.READY:
            raise FailedPrecondition(f"version {name} is {version.state}: only a READY one can be the default")
        self._records.set_default(model, name)
        return self._records.version(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        version = self._records.version(model, name)
        if version.is_default and len(self._records.versions(model)) > 1:
            raise FailedPrecondition(
                f"version {name} is the default of model {model}, which has others: "
                "make another one the default before you delete this"
            )
        folder = self._files / self._records.folder(model, name)
        self._records.change(model, name, VersionEvent.DELETE_REQUESTED)
        server = self._servers.pop((model, name), None)
        if server:
            await server.close()
        await _remove(folder)
        self._records.remove_version(model, name)

    # ---------------------------------------------------------------- prediction

    async def predict(
        self,
        model: str,
        instances: Sequence[Json],
        *,
        version: str | None = None,
        signature_name: str | None = None,
    ) -> list[Json]:
        name = self._ready_version(model, version)
        if not instances and self._records.serving_stack(model, name) is ServingStack.PREDICTION_LIBRARY:
            raise InvalidArgument("at least one instance is needed", field="instances")
        try:
            return await self._server(model, name).predict(instances, signature_name)
        except FailedPrecondition as error:
            self._fail((model, name), _bad_model(error))  # loaded once, but not again: its files are damaged
            raise

    async def raw_predict(self, model: str, body: bytes, *, version: str | None = None) -> RawAnswer:
        name = self._ready_version(model, version)
        try:
            return await self._server(model, name).raw_predict(body)
        except FailedPrecondition as error:
            self._fail((model, name), _bad_model(error))  # loaded once, but not again: its files are damaged
            raise

    def served(self, model: str, version: str | None) -> tuple[Version, ModelServer]:
        """A version, or the default one, and what answers for it, for many requests.

        Raises:
            NotFound, FailedPrecondition: see ``predict``.
        """
        name = self._ready_version(model, version)
        return self._records.version(model, name), self._server(model, name)

    def own_server(self, spec: VersionSpec, folder: Path, log: Log) -> ModelServer:
        """What answers for a model that is not deployed. The caller closes it.

        Args:
            folder: holds its files.
            log: of what happens to it.
        """
        command = partial(self._commands.command, spec, folder, log)
        return ModelServer(
            self._launcher,
            command,
            on_note=lambda text: log(text, Severity.WARNING),
            time_limit=self._time_limit,
            idle_limit=self._idle_limit,
        )

    def _ready_version(self, model: str, version: str | None) -> str:
        """Raises:
        NotFound: no such model or version.
        FailedPrecondition: it is not READY, or there is no default one.
        """
        name, state = self._records.resolve_version(model, version)
        if name is None:
            raise FailedPrecondition(f"model {model} has no default version: create a version", field="name")
        if state is not VersionState.READY:
            raise FailedPrecondition(
                "Online prediction is unavailable for this version. Please verify that CreateVersion has completed "
                f"successfully. (Version {name} is {state}.)",
                field="name",
            )
        return name

    # ---------------------------------------------------------------- one version's life

    async def _copy(self, spec: VersionSpec, folder: Path) -> None:
        source = spec.deployment_uri
        if source.has_wildcard():
            raise InvalidArgument(f"a folder's name, not a pattern: {source}", field="version.deployment_uri")
        await asyncio.to_thread(folder.mkdir)
        missing = ""
        try:
            await self._fetch(spec, folder)
        except NotFound as error:  # no objects with that prefix, or no bucket
            missing = f" ({error.message})"
        names = await asyncio.to_thread(_files, folder)
        if not holds_model(spec.framework, names):
            hint = missing or model_hint(spec.framework, names)
            raise FailedPrecondition(f"{_no_model(spec)}{hint}", field="version.deployment_uri")

    async def _deploy(self, key: _Key) -> None:
        try:
            reason = await self._load(key)
            while not self._try_to_record(key, reason):  # noqa: ASYNC110 - there is no event for free disk space
                await asyncio.sleep(_RETRY_INTERVAL)
        finally:
            del self._deploying[key]

    async def _load(self, key: _Key) -> str:
        """Why the version cannot be served; empty if it can."""
        try:
            await self._server(*key).start()
        except FailedPrecondition as error:
            return _bad_model(error)
        except CloudError as error:
            return f"Create Version failed. {error.message}"
        except Exception as error:  # noqa: BLE001 - a defect; a version must not stay CREATING for ever
            _log.exception("version %s of model %s", *reversed(key))
            return f"Create Version failed. Internal error encountered: {error!r}"
        return ""

    def _try_to_record(self, key: _Key, reason: str) -> bool:
        """Record the version's state; false if the disk is full."""
        try:
            if reason:
                self._fail(key, reason)
            else:
                self._records.change(*key, VersionEvent.LOADED)
        except sqlite3.OperationalError as error:
            if disk_full(error) is None:
                raise
            return False
        return True

    def _fail(self, key: _Key, reason: str) -> None:
        """Record that the version cannot be served, unless it was deleted meanwhile."""
        self._servers.pop(key, None)  # it has no process: that failed to start
        with contextlib.suppress(NotFound, FailedPrecondition):
            self._records.change(*key, VersionEvent.FAILED, reason)

    def _server(self, model: str, name: str) -> ModelServer:
        server = self._servers.get((model, name))
        if server is None:
            folder = self._files / self._records.folder(model, name)

            def log(text: str, severity: Severity) -> None:
                _log.log(_LEVELS.get(severity, logging.WARNING), "version %s of model %s: %s", name, model, text)

            server = self.own_server(self._records.version(model, name).spec, folder, log)
            self._servers[model, name] = server
        return server


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _no_model(spec: VersionSpec) -> str:
    """In the words of the service, of two times."""
    folder = spec.deployment_uri.as_folder()
    if spec.framework is Framework.TENSORFLOW:
        return (
            f"With v1 endpoint, the model directory {folder} is expected to contain exactly one of "
            "thefollowing: saved_model.pb' file or 'saved_model.pbtxt' file.Please use SavedModel."
        )
    expected = ", ".join(MODEL_FILES[spec.framework])
    return f"Deployment directory {folder} is expected to contain exactly one of: [{expected}]."


def _bad_model(error: CloudError) -> str:
    return f'Create Version failed. Bad model detected with error: "{error.message}"'


async def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        await asyncio.to_thread(shutil.rmtree, folder)


def _now() -> datetime:
    return datetime.now(UTC)
