"""``Api``: one way for a JSON request, whatever the API. ``Api.handle`` is the list of its steps.

A new API is a subclass with its routes; its messages and handlers know ``Call`` alone, not HTTP.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web
from yarl import URL

from cloud.emulator.recorder import RECORD
from cloud.emulator.rest.call import JOB_LOG, Call, require_credential
from cloud.emulator.rest.discovery import Discovery, Method, load, wants_enum_numbers
from cloud.emulator.rest.errors import PermissionMissing
from cloud.emulator.rest.responses import json_answer
from cloud.emulator.rest.schemas import EnumNumbers
from cloud.engine.locks import Locks
from cloud.engine.principal import Principal
from cloud.engine.project import mends
from cloud.engine.project.access import ProjectAccess
from cloud.errors import InvalidArgument, PermissionDenied, Unavailable, Unimplemented
from cloud.resources import Json

Handler = Callable[[Call], Awaitable[web.StreamResponse | Json]]
"""Returns the JSON of an answer, or a whole response where an answer is not the platform's JSON."""


@dataclass(frozen=True, slots=True)
class Route:
    method_id: str
    """Google's, as in the discovery document."""
    handler: Handler
    permission: str = ""
    """That the caller needs; empty if any credential will do."""
    is_raw: bool = False
    """The body is the model's, not a message of the discovery document: the handler reads it."""
    is_refused: bool = False
    """Always answered with an error that gives the reason."""
    changes: bool = False
    """Reads and rewrites the resource in the path across an await: one such call of a resource at a time."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A parsed address, cached: it is the same for every request to that address."""

    method: Method
    route: Route
    name: str
    query: Mapping[str, Json]
    by_number: bool
    """Enums are answered by number."""


class Api(ABC):
    """The API of one project.

    Args:
        project: its id; ``number`` stands for the id in any name, too.
        access: the roles on the project; None: only its owner has any.
    """

    SERVICE: ClassVar[str]
    """Its host: ``ml.googleapis.com``."""
    DOCUMENT: ClassVar[str]
    """Its discovery document: ``ml.v1``."""
    OTHER_DOCUMENTS: ClassVar[Mapping[str, str]] = {}
    """Those of its other versions, by version."""
    ENUM_NUMBERS: ClassVar[EnumNumbers | None] = None
    """See ``Schemas``."""

    def __init__(self, project: str, number: int, access: ProjectAccess | None = None) -> None:
        self.project, self.number, self.access = project, number, access
        self.locks = Locks()
        self._has_ended = False
        self._match = functools.lru_cache(maxsize=256)(self.match)
        self._target = functools.lru_cache(maxsize=256)(self._resolve)

    def end(self) -> None:
        """Answer no more requests: what they need is closed while clients may still be there."""
        self._has_ended = True

    # ---------------------------------------------------------------- what an API defines

    @abstractmethod
    def routes(self) -> Iterable[Route]:
        """Every emulated method; called once, with the first request."""

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        """The method meant, and the resource name in the path.

        Raises:
            NotFound: there is no such method.
        """
        return self.discovery.match(http_method, raw_path)

    def check(self, call: Call) -> None:  # noqa: B027 - most APIs have no more rules
        """Rules of this API for every request.

        Raises:
            CloudError: it breaks one.
        """

    def instead(self, _: Method, /) -> str:
        """What to do instead of a method that is not emulated: a sentence of its error message."""
        return f"docs/fidelity.md lists the methods of {self.SERVICE} that are."

    def read_body(self, method: Method, content: bytes) -> dict[str, Json]:
        """The message in a request for ``method``, in normal form.

        Raises:
            InvalidArgument: it is none.
        """
        return self.discovery.body(method, content)

    def versioned(self, _: Call, answer: Json, /) -> Json:
        """``answer`` in the version of the API that was requested."""
        return answer

    async def authorize(self, call: Call, permission: str) -> None:
        """By the roles on the project, and on the resource where an API has policies of its own.

        Raises:
            PermissionMissing: the caller may not. The text ends with the command that allows it.
        """
        if self.allows(call.principal, permission) or await self.grants(call, permission):
            return
        denied = self.denied(permission, call.name)
        email = call.principal.email
        grant = mends.on_project(self.project, email, permission)
        raise PermissionMissing(
            f"{denied.message} {email} does not have {permission}. To allow it: {grant}",
            permission=permission,
            service=self.SERVICE,
            resource=call.name or f"projects/{self.project}",
            grant=grant,
        )

    def allows(self, principal: Principal, permission: str) -> bool:
        """Whether ``principal`` has ``permission`` on the project; anyone has an empty one."""
        if not permission or principal.is_project_owner:
            return True
        return self.access is not None and self.access.allows(principal, permission)

    async def grants(self, _call: Call, _permission: str) -> bool:
        """Whether the policy of the resource in the call gives the caller the permission."""
        return False

    def denied(self, permission: str, name: str, /) -> PermissionDenied:
        """Also for a resource that does not exist, so that the error reveals nothing."""
        return PermissionDenied(
            f"Permission '{permission}' denied on resource '//{self.SERVICE}/{name[:300]}' (or it may not exist)."
        )

    # ---------------------------------------------------------------- the steps

    def method_id(self, request: web.Request) -> str:
        return self._match(request.method, request.rel_url.raw_path)[0].id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Takes every request through the same steps.

        Raises:
            CloudError: to be written in the platform's style.
        """
        if self._has_ended:
            raise Unavailable("The local cloud is ending.")
        self._authenticate(request, principal)
        target, content = await self._read(request)
        call = self._validate(request, principal, target, content)
        await self.authorize(call, target.route.permission)
        answer = await self._dispatch(target.route, call)
        return self._write(answer, target, call)

    def _authenticate(self, request: web.Request, principal: Principal) -> None:
        self._match(request.method, request.rel_url.raw_path)  # for an unknown method, 404 comes before 401
        require_credential(principal)

    async def _read(self, request: web.Request) -> tuple[_Target, bytes]:
        target, content = self._target(request.method, request.rel_url), await request.read()
        if call := request.get(RECORD):
            call.sent = content
        return target, content

    def _validate(self, request: web.Request, principal: Principal, target: _Target, content: bytes) -> Call:
        body = {} if target.route.is_raw else self.read_body(target.method, content)
        schemas, host = self.discovery.schemas, request.host.lower()
        write_log = request.get(JOB_LOG)
        call = Call(target.method, target.name, target.query, body, content, principal, host, schemas, write_log)
        self.check(call)
        return call

    async def _dispatch(self, route: Route, call: Call) -> web.StreamResponse | Json:
        if not route.changes:
            return await route.handler(call)
        async with self.locks.of(call.below_project):
            return await route.handler(call)

    def _write(self, answer: web.StreamResponse | Json, target: _Target, call: Call) -> web.StreamResponse:
        if isinstance(answer, web.StreamResponse):
            return answer
        answer = self.versioned(call, answer)
        if target.by_number:
            answer = call.schemas.numbered(call.method.response, answer)
        return json_answer(answer, call.query)

    # ---------------------------------------------------------------- addresses

    @functools.cached_property
    def discovery(self) -> Discovery:
        # Up to three megabytes, read with the first request.
        return load(self.DOCUMENT, self.ENUM_NUMBERS)

    @functools.cached_property
    def _routes(self) -> Mapping[str, Route]:
        return {route.method_id: route for route in self.routes()}

    def _resolve(self, http_method: str, url: URL) -> _Target:
        """Raises:
        CloudError: the method is not emulated, or the address is wrong.
        """
        method, name = self._match(http_method, url.raw_path)
        route = self._routes.get(method.id)
        if route is None:
            raise Unimplemented(f"{method.id} is not emulated. {self.instead(method)}", method=method.id)
        query = self.discovery.query(method, {key: url.query.getall(key) for key in url.query})
        if query.get("alt", "json") == "proto":
            raise InvalidArgument("Answers are written as JSON only.", field="alt")
        return _Target(method, route, self._own(name, route.permission), query, wants_enum_numbers(url.query))

    def _own(self, name: str, permission: str) -> str:
        """``name`` with the project's id in place of its number.

        Raises:
            PermissionDenied: another project.
        """
        collection, _, rest = name.partition("/")
        project, slash, below = rest.partition("/")
        if name and project not in (self.project, str(self.number)):
            raise self.denied(permission or "resourcemanager.projects.get", name)
        return f"{collection}/{self.project}{slash}{below}" if name else ""


class Document:
    """Serves an API's discovery documents, without authentication.

    Args:
        load: gives the API.
    """

    def __init__(self, load: Callable[[], Api]) -> None:
        self._load = load

    def method_id(self, _: web.Request) -> str:
        return "discovery.apis.getRest"

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        api = self._load()
        other = api.OTHER_DOCUMENTS.get(request.query.get("version", ""))
        discovery = load(other) if other else api.discovery
        return web.Response(body=discovery.content, content_type="application/json", charset="utf-8")
