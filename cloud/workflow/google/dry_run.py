"""``--dry-run``: the whole run against a pretence of Google, with every request written down and checked, none sent.

Requests are those that the backend and its storage client make; they are checked against Google's discovery documents
by the emulator's own reader of them. What only Google could tell (numbers it gives, what a trainer exports) is made up.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from cloud.backends.gcp import STORAGE, GcpBackend, open_service
from cloud.backends.google.logs import Lateness, Logs
from cloud.backends.google.methods import Request
from cloud.backends.google.service import RUN_LABEL, ServiceContext
from cloud.backends.google.transport import FindExisting, Transport
from cloud.emulator.rest.discovery import load
from cloud.errors import NotFound
from cloud.gcs.backoff import Pace
from cloud.gcs.client import StorageClient
from cloud.names import GsUri
from cloud.resources import Json, LogEntry, TransferProgress
from cloud.workflow.google.fake_replies import Absent, Pretence
from cloud.workflow.google.options import Options
from cloud.workflow.steps import Plan, Workflow

_DOCUMENTS = {"aiplatform": "aiplatform.v1", "logging": "logging.v2", "ml": "ml.v1", "storage": "storage.v1"}
_NOW = Pace(first=0.0, longest=0.0)
_TOKEN = "$(gcloud auth application-default print-access-token)"  # noqa: S105 - a command


@dataclass(frozen=True, slots=True)
class Written:
    """A request that would have been sent."""

    http_method: str
    url: str
    body: Json
    file: str = ""
    """Of which the content is what would have been sent."""

    def as_json(self) -> str:
        told = {"method": self.http_method, "url": self.url}
        more = {"file": self.file} if self.file else {} if self.body is None else {"body": self.body}
        return json.dumps(told | more)

    def as_curl(self) -> str:
        words = ["curl", "-X", self.http_method, shlex.quote(self.url), "-H", f'"Authorization: Bearer {_TOKEN}"']
        if self.file:
            words += ["--data-binary", shlex.quote(f"@{self.file}")]
        elif self.body is not None:
            words += ["-H", shlex.quote("Content-Type: application/json"), "-d", shlex.quote(json.dumps(self.body))]
        return " ".join(words)


class Script:
    """What is written down, in order; each request is checked as it comes.

    Raises:
        InvalidArgument: from ``write``, if Google's front end would refuse the request: a defect of ours.
    """

    def __init__(self) -> None:
        self.written: list[Written] = []
        self._pretence = Pretence()

    def write(self, method_id: str, written: Written) -> Json:
        """The answer to pretend.

        Raises:
            Absent: it is that there is no such thing.
        """
        document = load(_DOCUMENTS[method_id.partition(".")[0]])
        method = document.methods[method_id]
        query = {
            name: values
            for name, values in parse_qs(urlsplit(written.url).query, keep_blank_values=True).items()
            if name != "uploadType"
        }
        document.query(method, query)
        if not written.file and not method.response.endswith("HttpBody"):
            document.body(method, json.dumps(written.body).encode() if written.body is not None else b"")
        self.written.append(written)
        return self._pretence.answer(method_id, written.url, written.body)


class _RehearsedTransport(Transport):
    def __init__(self, region: str, script: Script) -> None:
        super().__init__(region)
        self._script = script

    async def _exchange(self, request: Request, _: FindExisting | None) -> Json:
        try:
            return self._script.write(request.method_id, Written(request.http_method, request.url, request.body))
        except Absent as error:
            raise NotFound(f"{error} is not there") from None


class _Reply:
    """What ``aiohttp.ClientResponse`` is to the storage client."""

    def __init__(self, status: int, content: Json) -> None:
        self.status, self._content = status, content
        self.reason, self.headers = "", dict[str, str]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def text(self, **_: object) -> str:
        return json.dumps(self._content)

    async def json(self, **_: object) -> Json:
        return self._content

    async def read(self) -> bytes:
        return b""


class _RehearsedSession:
    """What ``aiohttp.ClientSession`` is to the storage client."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def request(
        self,
        http_method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Json = None,
        **_: object,
    ) -> _Reply:
        path = urlsplit(url).path.removeprefix("/upload").removeprefix("/storage/v1")
        method, _name = load("storage.v1").match(http_method, path)
        given = {name: value for name, value in (params or {}).items() if value is not None}
        full = url + (f"?{urlencode(given)}" if given else "")
        file = str(given["name"]).rpartition("/")[2] if method.id == "storage.objects.insert" else ""
        written = Written(http_method, full, json, file)
        try:
            return _Reply(200, self._script.write(method.id, written))
        except Absent as error:
            return _Reply(404, {"error": {"code": 404, "message": f"{error} is not there", "errors": [{}]}})

    async def get(self, url: str, **options: Any) -> _Reply:
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> _Reply:
        return await self.request("POST", url, **options)

    async def delete(self, url: str, **options: Any) -> _Reply:
        return await self.request("DELETE", url, **options)

    async def close(self) -> None:
        pass


class _Rehearsed(GcpBackend):
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


async def rehearse(options: Options, plan: Plan) -> list[Written]:
    """Every request of a run that goes well, clean-up included.

    Raises:
        StepFailed: the run would not even begin so.
    """
    script = Script()
    transport = _RehearsedTransport(options.region, script)

    async def token() -> str:
        return ""

    def session() -> aiohttp.ClientSession:
        return cast(aiohttp.ClientSession, _RehearsedSession(script))

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
    async with backend, Workflow(backend, plan, Silent()) as workflow:
        await workflow.run()
    return script.written


def show(written: list[Written], form: str) -> None:
    """Print them: ``curl``, a shell's commands; ``json``, one object in a line."""
    for one in written:
        sys.stdout.write((one.as_json() if form == "json" else one.as_curl()) + "\n")
