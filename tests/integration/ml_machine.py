"""Base of the stateful tests of ML Engine's API: serves the API on a socket, and can restart it on the same records."""

import asyncio
import json
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from cloud.emulator.app import Emulator
from cloud.emulator.ml_v1.addresses import HOSTS
from cloud.emulator.ml_v1.routes import DOCUMENT, MlV1
from cloud.emulator.mounts import Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.rest.discovery import load
from cloud.engine.principal import Principal
from cloud.engine.project.identities import owner
from cloud.resources import Json
from emulator_api.api_client import Answer, check_answer
from emulator_api.backends import memory_backend

T = TypeVar("T")
GUEST = Principal("guest@example.com")
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "ü"]), max_size=2)
POLICIES = st.dictionaries(
    st.sampled_from(["roles/ml.viewer", "roles/ml.developer", "roles/ml.modelUser", "roles/ml.jobOwner"]),
    st.sampled_from([["allUsers"], ["user:guest@example.com"], ["group:g@example.com", "user:u@example.com"]]),
    max_size=2,
)
ETAG_KINDS = st.sampled_from(["current", "stale", "none"])
"""Kinds of etags in requests."""


class NoStorage:
    async def handle(self, request: Any, principal: Principal, /) -> Any:
        raise AssertionError("this cloud has no storage")


class MlMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self.backend = memory_backend(versions_settle=False)
        self.policies: dict[str, tuple[Json, str]] = {}
        """Bindings and etag of the policies that were set, by the resource's path."""
        self.old_etags: set[str] = {"bm90IGFueQ=="}
        self.do(self._open())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def teardown(self) -> None:
        self.do(self._close())
        self._runner.close()
        self._folder.cleanup()

    async def _open(self) -> None:
        self._tokens = TokenRegistry()
        emulator = Emulator("my-project", "us-central1", NoStorage(), self._tokens, KeyRing())
        self._api = MlV1(
            self.backend, project_number=35462102002, tenant_number=473645424018, state_dir=Path(self._folder.name)
        )
        emulator.mount(Mount(HOSTS, r".*", self._api))
        self._api.start()
        self._emulator = emulator
        self._server = await asyncio.get_running_loop().create_server(emulator, "127.0.0.1", 0)
        self._url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._session = aiohttp.ClientSession()

    async def _close(self) -> None:
        await self._session.close()
        self._server.close()
        await self._emulator.close()
        await self._api.close()

    @rule()
    def restart(self) -> None:
        self.do(self._close())
        self.do(self._open())

    def send(self, verb: str, path: str, body: Json = None, *, principal: Principal | None = None) -> tuple[int, Json]:
        """Status and JSON of one request; ``path`` is below the project."""

        async def request() -> tuple[int, str]:
            token = self._tokens.current(principal or owner("my-project")).value
            headers = {"Host": "ml.googleapis.com", "Authorization": f"Bearer {token}"}
            url = f"{self._url}/v1/projects/my-project{path}"
            async with self._session.request(verb, url, headers=headers, json=body) as response:
                return response.status, await response.text()

        status, text = self.do(request())
        if status == 200:
            check_answer(load(DOCUMENT), verb, f"/v1/projects/my-project{path}", Answer(status, text))
            return status, json.loads(text)
        error = json.loads(text)["error"]
        assert error["code"] == status
        assert error["status"]
        assert error["message"]
        return status, error

    def expect(self, status: int, verb: str, path: str, body: Json = None) -> Json:
        found, response = self.send(verb, path, body)
        assert found == status, (verb, path, body, response)
        return response

    def etag(self, etag_kind: str, current: str) -> dict[str, str]:
        """The field ``etag`` of a request."""
        if etag_kind == "none":
            return {}
        return {"etag": current if etag_kind == "current" else min(self.old_etags - {current})}

    def pages(self, path: str, field: str, size: int) -> list[Json]:
        """The whole list, page by page."""
        listed, token = [], ""
        while True:
            response = self.expect(200, "GET", f"{path}?pageSize={size}&pageToken={token}")
            page = response.get(field, [])
            assert len(page) <= size
            listed += page
            token = response.get("nextPageToken", "")
            if not token:
                return listed
            assert len(page) == size

    # ---------------------------------------------------------------- policies

    def set_policy(self, path: str, bindings: dict[str, list[str]], etag_kind: str) -> None:
        written = [{"role": role, "members": members} for role, members in bindings.items()]
        current = self.policies[path][1] if path in self.policies else "ACAB"
        policy = {"bindings": written} | self.etag(etag_kind, current)
        if etag_kind == "stale":
            assert self.expect(409, "POST", f"{path}:setIamPolicy", {"policy": policy})["status"] == "ABORTED"
            return
        response = self.expect(200, "POST", f"{path}:setIamPolicy", {"policy": policy})
        assert response["etag"] != current
        self.old_etags.add(current)
        self.policies[path] = written, response["etag"]

    def check_policy(self, path: str, permission: str, roles: set[str]) -> None:
        bindings, etag = self.policies.get(path, ([], "ACAB"))
        response = self.expect(200, "GET", f"{path}:getIamPolicy")
        assert (response.get("bindings", []), response["etag"]) == (bindings, etag)
        may = any(
            one["role"] in roles and {"allUsers", "user:guest@example.com"} & set(one["members"]) for one in bindings
        )
        status, response = self.send(
            "POST", f"{path}:testIamPermissions", {"permissions": [permission]}, principal=GUEST
        )
        assert (status, response) == (200, {"permissions": [permission]} if may else {})
        assert self.send("GET", path, principal=GUEST)[0] == (200 if may else 403)
