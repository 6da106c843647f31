"""``--dry-run``: the whole run on a project in this process, with every request written down and checked, none sent.

Requests are those that the backend and its storage client make; they are checked against Google's discovery documents
and go to the emulated APIs over ``MemoryBackend``. What only Google could know (the ids that it gives, what a trainer
exports) is made up.
"""

import asyncio
import itertools
import json
import re
import shlex
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import aiohttp
from aiohttp.payload import Payload
from yarl import URL

from cloud.backends.gcp import STORAGE, GcpBackend, open_service
from cloud.backends.google.errors import error_of
from cloud.backends.google.logs import Lateness, Logs
from cloud.backends.google.methods import Request
from cloud.backends.google.service import RUN_LABEL, ServiceContext
from cloud.backends.google.transport import FindExisting, Transport
from cloud.emulator.rest.discovery import Discovery, load
from cloud.engine.project.identities import project_number
from cloud.gcs.backoff import Pace
from cloud.gcs.client import StorageClient
from cloud.names import GsUri
from cloud.resources import Json, TransferProgress, Version, VersionSpec
from cloud.resources.log_entries import LogEntry
from cloud.workflow.google.model_check import check_export
from cloud.workflow.google.offline_project import OfflineProject
from cloud.workflow.google.options import Options
from cloud.workflow.plan import Plan
from cloud.workflow.steps import Workflow

_DOCUMENTS = {"logging": "logging.v2", "ml": "ml.v1", "storage": "storage.v1"}
_NOW = Pace(first=0.0, longest=0.0)
_TOKEN = "$(gcloud auth application-default print-access-token)"  # noqa: S105 - a command


_RESOURCE_ID = re.compile(r"/(?:batchPredictionJobs|customJobs|endpoints|hyperparameterTuningJobs|models)/(\d{10,})")
_DEPLOYED_ID = re.compile(r'"id": "(\d{10,})"')
_DEPLOYING = ("aiplatform.projects.locations.endpoints.deployModel", "ml.projects.models.versions.create")
_DIGITS = re.compile(r"\d{10,}")


@dataclass(frozen=True, slots=True)
class Written:
    """A request that would have been sent."""

    http_method: str
    url: str
    body: Json
    file: str = ""
    """Of which the content is what would have been sent."""

    def as_json(self) -> str:
        described = {"method": self.http_method, "url": self.url}
        more = {"file": self.file} if self.file else {} if self.body is None else {"body": self.body}
        return json.dumps(described | more)

    def as_curl(self) -> str:
        words = ["curl", "-X", self.http_method, shlex.quote(self.url), "-H", f'"Authorization: Bearer {_TOKEN}"']
        if self.file:
            words += ["--data-binary", shlex.quote(f"@{self.file}")]
        elif self.body is not None:
            words += ["-H", shlex.quote("Content-Type: application/json"), "-d", shlex.quote(json.dumps(self.body))]
        return " ".join(words)


class Script:
    """Requests as they are sent, checked and written down in order.

    Args:
        number: of the project, which is written as its id.
    """

    def __init__(self, project: str, number: int) -> None:
        self.written: list[Written] = []
        self._names = {str(number): project}
        """What is written in place of numbers that only Google could know."""
        self._next_number = itertools.count(2)

    def write(self, method_id: str, request: Written) -> None:
        """Raises:
        InvalidArgument: Google's front end would refuse the request: a defect of ours.
        """
        document = _document(method_id.partition(".")[0])
        method = document.methods[method_id]
        query = {
            name: values
            for name, values in parse_qs(urlsplit(request.url).query, keep_blank_values=True).items()
            if name != "uploadType"
        }
        document.query(method, query)
        if not request.file and not method.response.endswith("HttpBody"):
            document.body(method, json.dumps(request.body).encode() if request.body is not None else b"")
        body = request.body if request.body is None else json.loads(self._renamed(json.dumps(request.body)))
        self.written.append(Written(request.http_method, self._renamed(request.url), body, request.file))

    def learn(self, reply: Json) -> None:
        """Number again, in order, what a response names: 1 is the deployed model, of which there is one, 2 the first
        resource."""
        text = json.dumps(reply)
        for found in _DEPLOYED_ID.findall(text):
            self._names.setdefault(found, "1")
        for found in _RESOURCE_ID.findall(text):
            if found not in self._names:
                self._names[found] = str(next(self._next_number))

    def _renamed(self, text: str) -> str:
        return _DIGITS.sub(lambda match: self._names.get(match[0], match[0]), text)


class _RecordingTransport(Transport):
    """Sends to the offline project and, as nothing there takes time, waits for operations without a word."""

    def __init__(self, region: str, script: Script, project: OfflineProject) -> None:
        super().__init__(region)
        self._script, self._session = script, project.session(headers=_bearer(project))
        self.deployed = asyncio.Event()
        """Set when a version is deployed, or cannot be."""

    async def close(self) -> None:
        await self._session.close()

    async def _exchange(self, request: Request, _: FindExisting | None) -> Json:
        self._script.write(request.method_id, Written(request.http_method, request.url, request.body))
        try:
            return await self._answer(request)
        finally:
            if request.method_id in _DEPLOYING:
                self.deployed.set()

    async def _answer(self, request: Request) -> Json:
        api = request.url.partition("/projects/")[0]
        reply = await self._send(request.http_method, request.url, request.body)
        while "/operations/" in str(reply.get("name")) and not reply.get("done"):
            reply = await self._send("GET", f"{api}/{reply['name']}", None)
        self._script.learn(reply)
        return reply

    async def _send(self, http_method: str, url: str, body: Json) -> Json:
        async with self._session.request(http_method, URL(url, encoded=True), json=body) as reply:
            content = await reply.read()
        if reply.status >= 400:
            raise error_of(reply.status, content)
        return json.loads(content) if content else {}


def _document(api: str) -> Discovery:
    if api == "aiplatform":
        from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS

        # With the emulator's numbers of enums it is the emulator's copy: to read it twice takes a while.
        return load("aiplatform.v1", ENUM_NUMBERS)
    return load(_DOCUMENTS[api])


def _recorded(script: Script) -> aiohttp.ClientMiddlewareType:
    """Writes down what the storage client sends."""

    async def write(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        path = request.url.raw_path.removeprefix("/upload").removeprefix("/storage/v1")
        method, _ = load("storage.v1").match(request.method, path)
        query = parse_qsl(request.url.raw_query_string, keep_blank_values=True)
        url = str(request.url.with_query(None)) + (f"?{urlencode(query)}" if query else "")
        if method.id == "storage.objects.insert":
            script.write(method.id, Written(request.method, url, None, dict(query)["name"].rpartition("/")[2]))
        else:
            content = await request.body.as_bytes() if isinstance(request.body, Payload) else request.body
            script.write(method.id, Written(request.method, url, json.loads(content) if content else None))
        return await send(request)

    return write


def _bearer(project: OfflineProject) -> dict[str, str]:
    return {"Authorization": f"Bearer {project.token}"}


class _Rehearsed(GcpBackend):
    _transport: _RecordingTransport

    async def create_version(self, spec: VersionSpec) -> Version:
        """Returns when it is deployed: a dry run does not poll operations."""
        version = await super().create_version(spec)
        await self._transport.deployed.wait()
        return version

    async def stage_package(self, source: Path, staging: GsUri) -> GsUri:
        """Does not build it: that takes longer than all the rest."""
        destination = staging / "SHA256" / f"{source.name}-0.0.0.tar.gz"
        await self.write_object(destination, b"")
        return destination


class Silent:
    """An ``Observer`` who shows nothing."""

    def step_started(self, name: str, title: str) -> None: ...
    def step_finished(self, name: str, seconds: float, detail: str) -> None: ...
    def step_failed(self, name: str, seconds: float) -> None: ...
    def transferred(self, progress: TransferProgress) -> None: ...
    def logged(self, entry: LogEntry) -> None: ...
    def trained(self, steps_done: int, steps_total: int) -> None: ...


async def list_requests(options: Options, plan: Plan) -> list[Written]:
    """Every request of a run that goes well, clean-up included.

    Raises:
        StepFailed: the run would not even begin so.
    """
    async with OfflineProject(options.project, options.region, options.service) as project:
        script = Script(options.project, project_number(options.project))
        await _run(options, plan, script, project)
    return script.written


async def _run(options: Options, plan: Plan, script: Script, project: OfflineProject) -> None:
    transport = _RecordingTransport(options.region, script, project)

    async def token() -> str:
        return project.token

    def session() -> aiohttp.ClientSession:
        return project.session(middlewares=(_recorded(script),))

    labels = {RUN_LABEL: plan.job_id.lower()}
    storage = StorageClient(STORAGE, token, options.project, region=options.region, labels=labels, session=session)
    logs = Logs(transport, options.project, pace=_NOW, lateness=Lateness())
    service = open_service(
        options.service,
        ServiceContext(transport, options.project, options.region, _NOW, labels),
        logs,
        storage,
        image=options.image,
        training_image=options.training_image,
        service_account=options.service_account,
    )
    backend = _Rehearsed(
        options.project,
        options.region,
        transport=transport,
        storage=storage,
        service=service,
        logs=logs,
        pace=_NOW,
        session=session,
        token=token,
    )

    async def download(_: Path) -> str:
        return ""

    check = partial(check_export, backend, check=download)
    async with backend, Workflow(backend, plan, Silent(), check) as workflow:
        await workflow.run()


def show(written: list[Written], form: str) -> None:
    """Print them: ``curl``, a shell's commands; ``json``, one object in a line."""
    for one in written:
        sys.stdout.write((one.as_json() if form == "json" else one.as_curl()) + "\n")
