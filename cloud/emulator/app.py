"""The emulator: one HTTP handler for all of Google's hosts. It identifies the caller and dispatches to an API.

``Emulator.mounts`` lists the APIs with their hosts and paths; errors become responses in one place.
"""

import asyncio
import functools
import logging
import re
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import ClientConnectionResetError, hdrs, web
from aiohttp.http import HttpProcessingError, HttpVersion11

from cloud.emulator.deferred import Deferred
from cloud.emulator.faults import ConnectionCut, Faults
from cloud.emulator.grpc.connection import GrpcEndpoint
from cloud.emulator.grpc.deadlines import Deadlines
from cloud.emulator.grpc.paths import PATH
from cloud.emulator.http.batch import Batch
from cloud.emulator.http.connection import BODY_LIMIT, IDLE_LIMIT, Body, Connection, LateBody, MalformedBody
from cloud.emulator.http.method_override import apply_method_override
from cloud.emulator.metadata.routes import Metadata
from cloud.emulator.mounts import LOOPBACK, EmulatedApi, Mount, RequestSource
from cloud.emulator.not_emulated.routes import HOSTS as OTHER_HOSTS
from cloud.emulator.not_emulated.routes import NotEmulatedHosts
from cloud.emulator.not_emulated.tally import NotEmulated, Tally
from cloud.emulator.oauth2.assertions import ApiIdentity
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.routes import OAuth2
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.recorder import RECORD, Recorder
from cloud.emulator.rest.call import BAD_CREDENTIAL, JOB_LOG
from cloud.emulator.rest.errors import ErrorStyle, ServiceNotEmulated, error_response
from cloud.emulator.storage_v1 import addresses as gcs
from cloud.emulator.storage_v1.signatures.errors import SignatureFault
from cloud.emulator.storage_v1.signatures.verification import signer
from cloud.engine.disk import disk_full
from cloud.engine.principal import WEB_PAGE, Principal
from cloud.engine.shortage import shortage
from cloud.engine.storage.public.well_known import PublicBucketMissing
from cloud.errors import (
    BucketNotFound,
    CloudError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unimplemented,
)

_log = logging.getLogger(__name__)

MAX_BODY = 10 * 2**20
"""Bytes of a body that an API reads whole, as at Google's front end; streamed ones have no limit."""

_MAX_LINE = 2**16
"""Bytes of a request line or a header: the gateway's limit for a whole head, so that the gateway refuses what
is too long, and an API responds to the rest."""

_OTHER_TRANSPORT = 'If its client has another transport than gRPC, such as transport="rest", try that.'
_UNKNOWN = RequestSource()
_SOURCE = "source"
"""Key of a request's ``RequestSource``."""
_BODY = "body"
_PROGRAMS_ONLY = ("X-Goog-Api-Client", "X-Upload-Content-Type")
"""Each of Google's clients sends one of these when it begins a resumable upload, and no page of another origin can."""
"""Key of a request's ``Body``."""


class Emulator:
    """Serves one project. A protocol factory for requests of any source; ``close`` ends the requests in progress.

    Args:
        storage: the API of Cloud Storage.
        on_not_emulated: called for each request for what is not emulated.
        idle_limit, body_limit: see ``IDLE_LIMIT`` and ``BODY_LIMIT``.
    """

    def __init__(
        self,
        project: str,
        region: str,
        storage: EmulatedApi,
        tokens: TokenRegistry,
        keys: KeyRing,
        on_not_emulated: Callable[[NotEmulated], None] | None = None,
        *,
        idle_limit: float = IDLE_LIMIT,
        body_limit: float = BODY_LIMIT,
    ) -> None:
        oauth2 = OAuth2(keys, tokens)
        metadata = Metadata(project, region, tokens)
        batch = Batch(self._handle, gcs.may_be_in_batch)
        self._other_hosts = NotEmulatedHosts(project)
        self.faults = Faults()
        self.recorder: Recorder | None = None
        """Keeps the latest requests, where somebody may want to see them."""
        self._asked_in_vain = Tally()
        self._on_not_emulated = on_not_emulated
        self._tokens, self._keys = tokens, keys
        self._idle_limit = idle_limit
        self.body_limit = body_limit
        self.grpc_deadlines = Deadlines(idle=idle_limit, message=body_limit)
        self._servers: weakref.WeakSet[web.Server] = weakref.WeakSet()
        self._grpc: weakref.WeakSet[GrpcEndpoint] = weakref.WeakSet()
        self._default: Callable[[], asyncio.Protocol] | None = None
        self._find = functools.lru_cache(maxsize=256)(self._look_up)
        self._missing_buckets: set[str] = set()
        """Public ones that were asked for in vain: Google's names, so not many."""
        self._answering: set[asyncio.Task[Any]] = set()
        self.mounts = [
            Mount(r"metadata(?:\.google\.internal)?|169\.254\.169\.254", r".*", metadata, requires_auth=False),
            Mount(LOOPBACK, r"/|/computeMetadata(?:/.*)?", metadata, requires_auth=False),
            Mount(r"oauth2\.googleapis\.com|" + LOOPBACK, r"/token", oauth2, requires_auth=False),
            Mount(r"www\.googleapis\.com", r"/oauth2/v[34]/token", oauth2, requires_auth=False),
            Mount(r"accounts\.google\.com", r"/o/oauth2/token", oauth2, requires_auth=False),
            Mount(gcs.JSON_HOSTS, gcs.BATCH_PATHS, batch, ErrorStyle.STORAGE, gcs.SCOPES),
            Mount(gcs.JSON_HOSTS, gcs.JSON_PATHS, storage, ErrorStyle.STORAGE, gcs.SCOPES),
            Mount(gcs.XML_HOSTS, r".*", storage, ErrorStyle.XML, gcs.SCOPES),
            Mount(OTHER_HOSTS, r".*", self._other_hosts, requires_auth=False),
        ]

    def mount(self, *mounts: Mount) -> None:
        """Add APIs, with precedence over those that are mounted."""
        self.mounts[:0] = mounts
        self._find.cache_clear()

    def __call__(self) -> asyncio.Protocol:
        """A protocol for one connection of an unknown client."""
        if self._default is None:
            self._default = self._serve(RequestSource())
        return self._default()

    def protocols(self, source: RequestSource) -> Callable[[], asyncio.Protocol]:
        """A factory of protocols, each for one connection from ``source``."""
        return self._serve(source)

    def grpc_protocols(self, source: RequestSource) -> GrpcEndpoint:
        """A factory of protocols, each for one HTTP/2 connection from ``source``. ``close`` closes it, too."""
        endpoint = GrpcEndpoint(self._serve(source), lambda: self.grpc_deadlines)
        self._grpc.add(endpoint)
        return endpoint

    def _serve(self, source: RequestSource) -> Callable[[], asyncio.Protocol]:
        factory = functools.partial(self._make_request, source)
        server = web.Server(self.handle, request_factory=factory)  # type: ignore[arg-type]
        self._servers.add(server)
        return functools.partial(
            Connection,
            server,
            keepalive_timeout=self._idle_limit,
            access_log=None,
            logger=_quiet_about_clients(),
            # Storage keeps what is sent: a body with Content-Encoding: gzip is stored as it is.
            auto_decompress=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )

    def _make_request(
        self, source: RequestSource, message: Any, payload: Any, protocol: Connection, writer: Any, task: Any
    ) -> web.Request:
        if _is_of_web_page(message.headers):
            # Kept by the requests of a batch, which have headers of their own.
            source = replace(source, principal=WEB_PAGE)
        body = Body(payload, protocol, self.body_limit)
        state: dict[str | web.RequestKey[Any], Any] = {_SOURCE: source, _BODY: body, JOB_LOG: source.write_log}
        parts = (message, payload, protocol, writer, task, asyncio.get_running_loop())
        return web.Request(*parts, client_max_size=MAX_BODY, state=state)

    async def close(self, grace: float = 5.0) -> None:
        """Wait up to ``grace`` seconds for the requests in progress, then cancel them."""
        self.faults.end()
        if self._answering:
            _, late = await asyncio.wait(self._answering, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for endpoint in list(self._grpc):
            await endpoint.close()
        for server in list(self._servers):
            server.pre_shutdown()
            await server.shutdown(grace)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Respond to any request; raises only when the client is gone or part of the response has been sent."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._answering.add(task)
        try:
            return await self._handle(request)
        finally:
            self._answering.discard(task)
            request[_BODY].end()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        recorder, source = self.recorder, _source(request)
        if recorder is None or not source.is_recorded:
            return await self._respond(request)
        call, response = recorder.begin(request, _host(request), source.job_id), None
        try:
            response = await self._respond(request)
            return response
        finally:
            recorder.end(call, response)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        style = ErrorStyle.PLATFORM
        try:
            mount = self._mount(request)
            style = gcs.error_style(mount.errors, request)
            principal = self._caller(request, mount) if mount.requires_auth else self._account(request)
            if call := request.get(RECORD):
                call.caller = principal.email
            return await self._answer(mount, request, principal, style)
        except ConnectionCut:
            raise
        except CloudError as error:
            failure = error
        except web.HTTPRequestEntityTooLarge:
            failure = InvalidArgument(f"Request payload size exceeds the limit: {MAX_BODY} bytes.")
        except RecursionError as error:
            # Only the nesting of a request makes code here recurse: JSON, filters, field masks.
            _log.warning("%s %s%s: %s", request.method, _host(request), request.path, error)
            failure = InvalidArgument("The request is nested too deeply.")
        except Exception as error:
            if request.transport is None or isinstance(error, ClientConnectionResetError):
                raise ConnectionResetError("the client is gone") from error
            failure = request[_BODY].failure or self._internal_error(request, error)
        self._report(request, failure)
        if call := request.get(RECORD):
            call.failure = failure
        if request.writer.output_size:
            raise ConnectionAbortedError("failed in the middle of a response") from failure
        return error_response(failure, ErrorStyle.XML if isinstance(failure, SignatureFault) else style)

    @property
    def not_emulated(self) -> list[NotEmulated]:
        """What was asked for in vain so far."""
        return self._asked_in_vain.all

    def _report(self, request: web.Request, failure: CloudError) -> None:
        source, host = _source(request), _host(request)
        match failure:
            case Unimplemented() | ServiceNotEmulated():
                method = failure.method if isinstance(failure, Unimplemented) else ""
                asked = self._asked_in_vain.add(host, method)
                if source.on_not_emulated is not None:
                    source.on_not_emulated(host, failure.message)
                if self._on_not_emulated is not None:
                    self._on_not_emulated(asked)
            case PermissionDenied() if source.on_denial is not None:
                source.on_denial(f"{request.method} {host}{request.path}: {failure.message}")
            case BucketNotFound():
                if source.on_denial is not None:
                    # TensorFlow repeats some requests for ever, and says nothing.
                    source.on_denial(failure.message)
                elif isinstance(failure, PublicBucketMissing) and failure.bucket not in self._missing_buckets:
                    # gcloud and gsutil have words of their own for what is missing, and show no others.
                    self._missing_buckets.add(failure.bucket)
                    _log.warning("%s", failure.message)

    def _internal_error(self, request: web.Request, error: Exception) -> CloudError:
        known = disk_full(error) or shortage(error)
        # The path, but not the query: it may hold a token.
        _log.error("%s %s%s failed", request.method, _host(request), request.path, exc_info=None if known else error)
        return known or CloudError("Internal error encountered.")

    async def _answer(
        self, mount: Mount, request: web.Request, principal: Principal, style: ErrorStyle
    ) -> web.StreamResponse:
        if request.version >= HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        request = await apply_method_override(request)
        if isinstance(mount.api, Deferred):
            await mount.api.prepare()
        answer = functools.partial(mount.api.handle, request, principal)
        call = request.get(RECORD)
        method_id = mount.api.method_id(request) if self.faults or call else ""
        if call:
            call.method_id = method_id
        outcome = self.faults.take(method_id) if self.faults else None
        if outcome is None:
            return await answer()
        return await self.faults.perform(outcome, request, answer, style)

    def _mount(self, request: web.Request) -> Mount:
        host, path = _host(request), request.rel_url.raw_path
        mount = self._find(host, path)
        is_google = mount is not None and mount.api is self._other_hosts
        if request.method == hdrs.METH_POST and PATH.fullmatch(path) and not is_google:
            raise Unimplemented(f"{path[1:]} is not emulated here. {_OTHER_TRANSPORT}", method=path[1:])
        if mount is None:
            raise NotFound(f"no API emulated here answers {request.method} {host[:255]}{path[:500]}")
        return mount

    def _look_up(self, host: str, path: str) -> Mount | None:
        fitting = (each for each in self.mounts if re.fullmatch(each.hosts, host) and re.fullmatch(each.paths, path))
        return next(fitting, None)

    def _caller(self, request: web.Request, mount: Mount) -> Principal:
        """Raises:
        Unauthenticated: the token is invalid or has expired. A request without one is anonymous, or made by the
            source's principal; but a signed one, by its signer.
        SignatureFault: it is a signed request to Cloud Storage, and its signature is not to be accepted.
        """
        if mount.errors is not ErrorStyle.PLATFORM:
            signed_by = signer(request, datetime.now(UTC), self._keys.signer)
            if signed_by is not None:
                return signed_by
        given = request.headers.get(hdrs.AUTHORIZATION)
        if given is None:
            if (value := request.query.get("access_token", request.query.get("oauth_token"))) is None:
                return self._of_source(request)
        else:
            scheme, _, value = given.partition(" ")
            is_bearer = scheme.lower() in ("bearer", "oauth")
            value = value.strip() if is_bearer else ""
            if is_bearer and not value and mount.errors is not ErrorStyle.PLATFORM:
                # The Rust client of Cloud Storage, where it is told to do without OAuth, sends this on writes.
                return self._of_source(request)
        try:
            return self._of_token(value, mount)
        except Unauthenticated as error:
            if mount.errors is ErrorStyle.PLATFORM:
                raise Unauthenticated(f"{BAD_CREDENTIAL} ({error.message})") from None
            raise

    def _of_token(self, value: str, mount: Mount) -> Principal:
        # A JSON Web Token begins with {" in base64; one of Google's access tokens, with ya29.
        if not value.startswith("eyJ"):
            return self._tokens.principal(value)
        hosts = [each.hosts for each in self.mounts if each.api is mount.api]
        return self._keys.principal(value, ApiIdentity(hosts, mount.scopes))

    def _account(self, request: web.Request) -> Principal:
        source = _source(request)
        is_known = source.principal.is_web_page or not source.principal.is_anonymous
        return source.principal if is_known else source.account

    def _of_source(self, request: web.Request) -> Principal:
        return _source(request).principal


def _source(request: web.Request) -> RequestSource:
    source: RequestSource = request.get(_SOURCE, _UNKNOWN)
    return source


def _quiet_about_clients() -> logging.Logger:
    # aiohttp logs malformed requests and lost connections as errors, with the bytes received (tokens, too).
    logger = logging.getLogger(f"{__name__}.http")
    logger.filters = [lambda record: not (record.exc_info and isinstance(record.exc_info[1], _CLIENT_ERRORS))]
    return logger


_CLIENT_ERRORS = (HttpProcessingError, ConnectionError, LateBody, MalformedBody)


def _host(request: web.Request) -> str:
    """The host name, without port, as mounts have it."""
    # Without the header, request.host would resolve this machine's name.
    return _host_of(request.headers.get(hdrs.HOST, ""))


@functools.lru_cache(maxsize=256)
def _host_of(header: str) -> str:
    return re.sub(r":\d+$", "", header).lower().removesuffix(".")


def _is_of_web_page(headers: Mapping[str, str]) -> bool:
    """Whether a page in a browser makes the request: pages can reach any port of this machine.

    Browsers send these headers and let no page change them: Origin with each POST and with reads across origins,
    Sec-Fetch-Site with all requests (https://www.w3.org/TR/fetch-metadata/), with "none" where a person opened the
    address. Not Sec-Fetch-Mode: Node's ``fetch`` sends it, too.

    A program sends Origin where it begins a resumable upload for a page, which then sends the bytes. It is known by a
    header that a page may send to another origin after a preflight only: none is answered here.
    """
    if headers.get("Sec-Fetch-Site", "none") != "none":
        return True
    return hdrs.ORIGIN in headers and not any(name in headers for name in _PROGRAMS_ONLY)
