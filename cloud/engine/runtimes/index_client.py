"""Asks package indexes which source distributions there are, and downloads one. Runs nothing of what it downloads."""

import asyncio
import base64
import hashlib
import io
import ssl
import time
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Event
from typing import IO, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import (  # type: ignore[attr-defined]
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
    proxy_bypass_environment,
)

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from cloud.engine.runtimes.index_urls import Index, indexes, is_first_only, netrc_login, without_login
from cloud.engine.runtimes.source_files import ACCEPT, HASHES, IndexFile, SourceFile, newest, read_page
from cloud.engine.runtimes.uv_errors import redact

MAX_BYTES = 200 * 2**20
"""Of a source distribution."""
_MAX_PAGE = 64 * 2**20
_CHUNK = 2**18
_SECONDS = 10.0
"""Without an answer, or a byte of it."""
_WHOLE_SECONDS = 300.0


class IndexClientError(Exception):
    """Its text says why nothing was had."""


class IndexClient:
    """
    Args:
        environ: of uv's process: the indexes, logins, proxies and certificates.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._pages: dict[tuple[Index, str], list[IndexFile]] = {}

    async def newest(self, name: str, allowed: SpecifierSet, python: str) -> tuple[Index, SourceFile] | None:
        """The newest source distribution (see ``source_files.newest``), and whose it is; None: no index has one.

        Raises:
            IndexClientError: an index does not answer.
        """
        found: list[tuple[Index, SourceFile]] = []
        for index in indexes(self._environ):
            if (index, name) not in self._pages:
                self._pages[index, name] = await asyncio.to_thread(self._files, index, name)
            files = self._pages[index, name]
            if files and (source := newest(files, name, allowed, python)):
                found.append((index, source))
            if files and is_first_only(self._environ):
                break
        return max(found, key=lambda pair: pair[1].version, default=None)

    async def download(self, index: Index, file: IndexFile, target: Path) -> None:
        """
        Raises:
            IndexClientError: it cannot be had, is larger than ``MAX_BYTES``, or has another hash than the index says.
        """
        abandoned = Event()
        try:
            await asyncio.to_thread(self._download, index, file, target, abandoned)
        finally:
            abandoned.set()

    def _files(self, index: Index, name: str) -> list[IndexFile]:
        url = f"{index.url}/{canonicalize_name(name)}/"
        try:
            with self._open(index, url, {"Accept": ACCEPT}) as answer:
                page = io.BytesIO()
                _copy(answer, page, redact(url), _MAX_PAGE)
                text = page.getvalue().decode(errors="replace")
                return read_page(text, answer.headers.get_content_type(), answer.url)
        except HTTPError as error:
            if error.code in (404, 410):
                return []
            raise IndexClientError(f"{redact(url)} answers {error.code} {error.reason}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise IndexClientError(f"{redact(url)} cannot be read ({redact(str(error))})") from error

    def _download(self, index: Index, file: IndexFile, target: Path, abandoned: Event) -> None:
        algorithm = next((name for name in HASHES if name in file.hashes), None)
        try:
            with self._open(index, file.url, {}) as answer, target.open("wb") as output:
                _copy(answer, output, file.name, MAX_BYTES, abandoned)
            with target.open("rb") as content:
                digest = hashlib.file_digest(content, lambda: hashlib.new(algorithm or "md5", usedforsecurity=False))
        except (OSError, HTTPException, ValueError) as error:
            raise IndexClientError(f"{file.name} cannot be downloaded ({redact(str(error))})") from error
        if algorithm and digest.hexdigest() != file.hashes[algorithm]:
            raise IndexClientError(
                f"the package index holds {file.name} with another hash than it says (expected {algorithm} "
                f"{file.hashes[algorithm]}, got {digest.hexdigest()}): the file was damaged or replaced"
            )

    def _open(self, index: Index, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        address, login = without_login(url)
        if urlsplit(address).scheme not in ("http", "https"):
            raise IndexClientError(f"{address} is not of http or https")
        if login is None and _origin(address) == _origin(index.url):
            login = index.login
        login = login or netrc_login(self._environ, urlsplit(address).hostname or "")
        request = Request(quote(address, safe=":/?#[]@!$&'()*+,;=%~"), headers=dict(headers))  # noqa: S310 - see above
        if login:
            # Not sent on to where a redirection leads.
            token = base64.b64encode(":".join(login).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")
        return cast(HTTPResponse, self._opener().open(request, timeout=self._timeout()))

    def _timeout(self) -> float:
        try:
            return float(self._environ.get("UV_HTTP_TIMEOUT") or _SECONDS)
        except ValueError:
            return _SECONDS

    def _opener(self) -> OpenerDirector:
        return build_opener(_Proxies(self._environ), _Tls(self._environ), _WebRedirects())


class _Proxies(ProxyHandler):
    """Those of ``environ``, not of this process, whose variables may lead to a local cloud by now."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        found = {name.lower(): value for name, value in environ.items() if name.lower().endswith("_proxy") and value}
        every = found.get("all_proxy")
        proxies = {scheme: found.get(f"{scheme}_proxy", every) for scheme in ("http", "https")}
        super().__init__({scheme: proxy for scheme, proxy in proxies.items() if proxy})
        self._direct = found.get("no_proxy", "")

    def proxy_open(self, req: Request, proxy: str, type: str) -> HTTPResponse | None:  # noqa: A002
        if self._direct and proxy_bypass_environment(req.host, {"no": self._direct}):
            return None
        return cast(HTTPResponse | None, super().proxy_open(req, proxy, type))


class _Tls(HTTPSHandler):
    def __init__(self, environ: Mapping[str, str]) -> None:
        context = ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE") or None)
        if certificate := environ.get("SSL_CLIENT_CERT"):
            context.load_cert_chain(certificate)
        super().__init__(context=context)
        self._insecure_hosts = frozenset(environ.get("UV_INSECURE_HOST", "").replace(",", " ").split())

    def https_open(self, req: Request) -> HTTPResponse:
        if {req.host, req.host.partition(":")[0]} & self._insecure_hosts:
            return HTTPSHandler(context=ssl._create_unverified_context()).https_open(req)  # noqa: S323 - as the user says
        return super().https_open(req)


class _WebRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise IndexClientError(f"{redact(req.full_url)} leads to {redact(newurl)}, which is not of http or https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2]


def _copy(source: IO[bytes], target: IO[bytes], what: str, limit: int, abandoned: Event | None = None) -> None:
    size, end = 0, time.monotonic() + _WHOLE_SECONDS
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise IndexClientError(f"{what} is larger than {limit >> 20} MiB")
        if time.monotonic() > end or (abandoned and abandoned.is_set()):
            raise IndexClientError(f"{what} took longer than {_WHOLE_SECONDS:.0f} s to download")
        target.write(chunk)
