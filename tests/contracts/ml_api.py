"""ML Engine's dialect over a backend in memory, driven without a socket."""

import json
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request

from cloud.emulator.app import MAX_BODY
from cloud.emulator.discovery import load
from cloud.emulator.envelopes import ErrorStyle, error_response
from cloud.emulator.ml_v1.routes import MlV1
from cloud.engine.principal import Principal
from cloud.errors import CloudError
from cloud.resources import Json
from contracts.memory_backend import MemoryBackend

OWNER = Principal("owner@my-project.example.com", is_project_owner=True)
SOMEBODY = Principal("somebody@example.com")


@dataclass
class Answer:
    status: int
    text: str

    @property
    def json(self) -> Json:
        return json.loads(self.text)


class Api:
    """Sends requests; every answer that is no error must be what the discovery document says."""

    def __init__(self, backend: MemoryBackend, state_dir: Path) -> None:
        self.backend, self.state_dir = backend, state_dir
        self.restart()

    def restart(self) -> None:
        self.dialect = MlV1(
            self.backend, project_number=35462102002, tenant_number=473645424018, state_dir=self.state_dir
        )
        self.dialect.start()

    async def send(
        self,
        verb: str,
        path: str,
        body: Json | bytes = b"",
        *,
        principal: Principal = OWNER,
        host: str = "ml.googleapis.com",
    ) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        payload = StreamReader(mock.Mock(), 2**16)
        payload.feed_data(content)
        payload.feed_eof()
        request = make_mocked_request(verb, path, {"Host": host}, payload=payload, client_max_size=MAX_BODY)
        try:
            response = await self.dialect.handle(request, principal)
        except CloudError as error:
            response = error_response(error, ErrorStyle.PLATFORM)
        assert isinstance(response, web.Response)
        answer = Answer(response.status, bytes(response.body).decode())
        if answer.status == 200:
            check_answer(verb, path, answer)
        return answer

    async def ask(self, verb: str, path: str, body: Json | bytes = b"", **options) -> Json:
        """The JSON of an answer that is expected to be good; ``path`` is below the project."""
        answer = await self.send(verb, f"/v1/projects/my-project{path}", body, **options)
        assert answer.status == 200, answer.text
        return answer.json

    async def refusal(self, verb: str, path: str, body: Json | bytes = b"", **options) -> Json:
        """The error of an answer that is expected to be one."""
        answer = await self.send(verb, f"/v1/projects/my-project{path}", body, **options)
        assert answer.status >= 400, answer.text
        return answer.json["error"]


def check_answer(verb: str, path: str, answer: Answer) -> None:
    method, _ = load("ml.v1").match(verb, path.partition("?")[0])
    if method.response != "GoogleApi__HttpBody" and "fields=" not in path:
        # In normal form, that is: nothing unknown, of a wrong type, null or left at its default.
        assert load("ml.v1").schemas.read(method.response, answer.json) == answer.json
