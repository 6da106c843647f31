"""An API with a discovery document over a backend in memory, driven without a socket."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cloud.backends.memory import MemoryBackend
from cloud.emulator.mounts import EmulatedApi
from cloud.emulator.rest.discovery import Discovery
from cloud.engine.principal import Principal
from cloud.resources import Json
from emulator_api.clients import Served

OWNER = Principal("owner@my-project.example.com", is_project_owner=True)
SOMEBODY = Principal("somebody@example.com")


@dataclass
class Answer:
    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Json:
        return json.loads(self.text)


class ApiClient(ABC):
    """Sends requests; every answer that is no error must be what the discovery document says."""

    host: ClassVar[str]
    root: ClassVar[str]
    """What the paths of ``ask`` and ``refusal`` are below."""

    def __init__(self, backend: MemoryBackend, state_dir: Path) -> None:
        self._started: list[EmulatedApi] = []
        self.backend, self.state_dir = backend, state_dir
        self._served: tuple[EmulatedApi, Served] | None = None
        self.restart()

    @abstractmethod
    def restart(self) -> None:
        """Make ``emulated`` anew, as after a start of the program."""

    @property
    def emulated(self) -> EmulatedApi:
        return self._started[-1]

    @emulated.setter
    def emulated(self, made: EmulatedApi) -> None:
        self._started.append(made)

    async def close(self) -> None:
        """Close all that were made: a process that is killed closes nothing, but the system does so for it."""
        for api in reversed(self._started):
            await api.close()

    @abstractmethod
    def document(self) -> Discovery:
        """The API's."""

    @property
    def served(self) -> Served:
        """The emulator that the current API answers in."""
        if self._served is None or self._served[0] is not self.emulated:
            self._served = self.emulated, Served(self.emulated)
        return self._served[1]

    async def send(
        self,
        verb: str,
        path: str,
        body: Json | bytes = b"",
        *,
        principal: Principal = OWNER,
        host: str | None = None,
        check: bool = True,
    ) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.served.client(principal, host or self.host) as client:
            response = await client.request(verb, path, body=content)
        answer = Answer(response.status, response.text, response.headers)
        if answer.status == 200 and check:
            check_answer(self.document(), verb, path, answer)
        return answer

    async def ask(self, verb: str, path: str, body: Json | bytes = b"", **options) -> Json:
        """The JSON of an answer that is expected to be good; ``path`` is below ``root``."""
        answer = await self.send(verb, self.root + path, body, **options)
        assert answer.status == 200, answer.text
        return answer.json

    async def refusal(self, verb: str, path: str, body: Json | bytes = b"", **options) -> Json:
        """The error of an answer that is expected to be one."""
        answer = await self.send(verb, self.root + path, body, **options)
        assert answer.status >= 400, answer.text
        return answer.json["error"]


def check_answer(document: Discovery, verb: str, path: str, answer: Answer) -> None:
    """An answer that is no error is what the document says."""
    method, _ = document.match(verb, re.sub("^/(ui|v1beta1|v1beta2)/", "/v1/", path.partition("?")[0]))
    if not method.response.endswith("HttpBody") and "fields=" not in path:
        # In normal form, that is: nothing unknown, of a wrong type, null or left at its default.
        read = document.schemas.read(method.response, answer.json)
        assert (document.schemas.numbered(method.response, read) if "enum-encoding" in path else read) == answer.json
