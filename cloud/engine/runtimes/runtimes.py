"""``Runtimes``: finds or makes the runtime that a job or a version requests, and says in its log which one it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cloud.engine.runtimes import hooks
from cloud.engine.runtimes.builder import Builder, runtime_of
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.image_layer import image_layer
from cloud.engine.runtimes.names import (
    INSTALLED,
    TF1,
    TF2,
    as_numbers,
    minor,
    nearest,
    request_for_version,
    request_of_version,
)
from cloud.engine.runtimes.recipes import recipe
from cloud.engine.runtimes.runtime import Runtime, RuntimeRequest
from cloud.engine.runtimes.store import Store, Stored
from cloud.engine.runtimes.uv import Log, Uv
from cloud.engine.runtimes.uv_errors import UvError
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument
from cloud.resources import VersionSpec
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode, RuntimeMode

_PYTHONS_OF_GOOGLE = frozenset({"2.7", "3.5", "3.7"})
"""Those of ML Engine's runtime versions, which the nearest runtimes stand for."""
_VERSIONS = {
    TF1: tuple(f"1.{number}" for number in range(16)),
    TF2: tuple(f"2.{number}" for number in range(1, 16)),
}
"""The runtime versions of ML Engine that each runtime stands for."""
_SAME = {"xgboost": ("xgboost-cpu",)}
"""Distributions with the same modules."""


class Runtimes:
    """
    Args:
        folders: the user's store, and those to build in where it cannot be written.
        installed: the environment of this program, as jobs see it.
        mode: whether a job whose runtime is not there runs in the installed one, or is refused.
        requirements: runtimes are made where an index may be asked.
        environ: the user's, with the settings of pip and uv.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        installed: Callable[[], Runtime],
        mode: RuntimeMode,
        requirements: RequirementsMode,
        *,
        environ: Mapping[str, str],
    ) -> None:
        self._uv = Uv(environ)
        self._stores = [Store(folder) for folder in folders]
        self._installed = installed
        self._mode = mode
        self._may_build = requirements is RequirementsMode.INDEX and not environ.get("UV_OFFLINE")

    def available(self) -> dict[str, frozenset[str]] | None:
        """What a backend declares as ``Abilities.runtimes``: None if every job is accepted."""
        if self._mode is RuntimeMode.ANY:
            return None
        installed = self._installed()
        version, python = tensorflow_version(installed), _python(installed)
        found = {minor(version): frozenset({python})} if version else {}
        for name in {*self._ready(), *(_VERSIONS if self._can_build() else ())}:
            stored = self._find(name)
            own = {minor(stored.record.python)} if stored and stored.record else set()
            for one in _VERSIONS.get(name, (name.removeprefix("tf"),) if name.startswith("tf") else ()):
                pythons = _PYTHONS_OF_GOOGLE if as_numbers(one) < (2, 16) else frozenset[str]()
                found[one] = found.get(one, frozenset()) | own | pythons
        return found

    def check(self, request: RuntimeRequest | None, field: str) -> None:
        """
        Raises:
            InvalidArgument: the job is to be refused: its runtime neither exists nor can be made here.
        """
        if request is None or self._mode is RuntimeMode.ANY:
            return
        installed = self._installed()
        name = self._nearest(request, installed)
        problem = ""
        if name != INSTALLED:
            if self._find(name) is None and not self._can_build():
                problem = _missing(request, name)
        elif request.framework != "tensorflow":
            problem = _missing_framework(request, installed)
        elif request.python not in (None, _python(installed)):
            problem = (
                f"{request.text} is not installed here, only {installed.description}: request that or none, or accept "
                "any request with --runtime any"
            )
        if problem:
            raise InvalidArgument(problem, field=field)

    async def prepare(self, request: RuntimeRequest | None, log: Log) -> Runtime:
        """The runtime for a request, made if it is not there and an index may be asked.

        Args:
            log: the job's.

        Raises:
            FailedPrecondition: it is not there, and only that one will do.
            ResourceExhausted: it is not there, only that one will do, and the disk is full.
        """
        installed = self._with_image(self._installed())
        if request is None:
            return installed
        name = self._nearest(request, installed)
        if name == INSTALLED:
            self._report_installed(request, installed, log)
            return installed
        try:
            runtime = await self._find_or_build(request, name, log)
        except CloudError as error:
            if self._mode is RuntimeMode.MATCH:
                raise
            log(
                f"{_capital(request.text)}: runs in {installed.name} ({installed.description}), because {error}",
                Severity.WARNING,
            )
            return installed
        log(f"{_capital(request.text)}: runs in {runtime.name} ({runtime.description}).", Severity.INFO)
        return runtime

    def check_server(self, spec: VersionSpec, field: str) -> None:
        """As ``check``, for a model version of scikit-learn or XGBoost."""
        request = request_of_version(spec)
        if request is None or self._can_build() or self._mode is RuntimeMode.ANY or self._holding(spec, request):
            return
        raise InvalidArgument(_missing(request, self._nearest(request, self._installed())), field=field)

    async def prepare_server(self, spec: VersionSpec, log: Log) -> Runtime:
        """The runtime that serves a model of scikit-learn or XGBoost, made if there is none.

        Raises:
            FailedPrecondition, ResourceExhausted: there is none; see ``prepare``.
        """
        request = request_of_version(spec)
        assert request is not None  # noqa: S101
        runtime = self._holding(spec, request)
        if runtime is None:
            runtime = await self._find_or_build(request, self._nearest(request, self._installed()), log)
        log(f"{_capital(request.text)}: served in {runtime.name} ({runtime.description}).", Severity.INFO)
        return runtime

    def _holding(self, spec: VersionSpec, request: RuntimeRequest) -> Runtime | None:
        """What exists and holds the library; first that in which a job with the same request would have run."""
        installed = self._with_image(self._installed())
        names = [self._nearest(request, installed)]
        if spec.image is None:
            of_jobs = request_for_version(spec.runtime_version, spec.python_version)
            names.insert(0, self._nearest(of_jobs, installed) if of_jobs else INSTALLED)
        if self._mode is RuntimeMode.ANY:
            names.append(INSTALLED)
        for name in names:
            stored = self._find(name)
            runtime = installed if name == INSTALLED else runtime_of(stored) if stored else None
            if runtime and _holds(runtime, request.framework):
                return runtime
        return None

    async def _find_or_build(self, request: RuntimeRequest, name: str, log: Log) -> Runtime:
        stored = self._find(name)
        if stored is None:
            if not self._may_build:
                raise FailedPrecondition(_missing(request, name))
            wanted = recipe(name)
            size = f" ({wanted.size} to download)" if wanted.size else ""
            log(f"{_capital(request.text)} needs {name}, which is made now{size}.", Severity.INFO)
            store = next((store for store in self._stores if store.can_be_written()), self._stores[0])
            stored = await Builder(store, self._uv).build(wanted, log)
        runtime = runtime_of(stored)
        for hooked, site in zip((name, TF2), runtime.site, strict=False):
            hooks.refresh(hooked, site)
        return runtime

    def _find(self, name: str) -> Stored | None:
        return next(filter(None, (store.find(name) for store in self._stores)), None)

    def _ready(self) -> set[str]:
        return {name for store in self._stores for name in store.ready()}

    def _report_installed(self, request: RuntimeRequest, installed: Runtime, log: Log) -> None:
        problem = _missing_framework(request, installed)
        if problem and self._mode is RuntimeMode.MATCH:
            raise FailedPrecondition(problem)
        where = f"{_capital(request.text)}: runs in {installed.name} ({installed.description})"
        if problem:
            log(f"{where}, because {problem}", Severity.WARNING)
        else:
            log(f"{where}.", Severity.INFO)

    def _nearest(self, request: RuntimeRequest, installed: Runtime) -> str:
        return nearest(
            request,
            ready=self._ready(),
            installed=tensorflow_version(installed),
            python=_python(installed),
            exact=self._mode is RuntimeMode.MATCH,
        )

    def _with_image(self, installed: Runtime) -> Runtime:
        layer = next(filter(None, (image_layer(store, installed) for store in self._stores)), None)
        return replace(installed, import_path=(*installed.import_path, layer)) if layer else installed

    def _can_build(self) -> bool:
        if not self._may_build:
            return False
        try:
            self._uv.path()
        except UvError:
            return False
        return True


def _missing(request: RuntimeRequest, name: str) -> str:
    size = recipe(name).size
    # An image's name stands for its version; what Google's pages say of it is no part of the mend.
    given = name if request.framework != "tensorflow" else request.version
    return (
        f"{request.text} needs {name}, which is not here: python -m cloud.runtimes add {given}"
        f"{f' ({size} to download)' if size else ''}"
    )


def _missing_framework(request: RuntimeRequest, installed: Runtime) -> str:
    """Why a request for a framework of which no runtime is made is not met; empty if it is."""
    if request.framework != "pytorch" or Distributions((*installed.import_path, *installed.site)).get("torch"):
        return ""
    return (
        f"{request.text} needs PyTorch, which is not here: install torch next to this project, or add it to the "
        "requirements of the job's package or image"
    )


def _holds(runtime: Runtime, framework: str) -> bool:
    found = Distributions((*runtime.import_path, *runtime.site))
    return any(found.get(name) for name in (framework, *_SAME.get(framework, ())))


def tensorflow_version(runtime: Runtime) -> str:
    """Empty: it has none."""
    found = Distributions(runtime.site).get("tensorflow")
    return found.version if found else ""


def _python(runtime: Runtime) -> str:
    """``MAJOR.MINOR``."""
    return ".".join(map(str, runtime.interpreter.version))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
