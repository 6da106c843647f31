"""Asking indexes and downloading, from real servers on loopback."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.specifiers import SpecifierSet

from cloud.engine.runtimes.index_client import IndexClient, IndexClientError
from cloud.engine.runtimes.index_urls import Index
from cloud.engine.runtimes.source_files import IndexFile

CONTENT = b"a source distribution"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Web:
    """A server. ``answers``: of each path the body, the type of its content, or where it redirects to."""

    port: int
    answers: dict[str, tuple[bytes, str] | str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Paths, with the header Authorization."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_package(self, name: str, *files: str) -> None:
        page = {"files": [{"filename": file, "url": f"/{file}", "hashes": {"sha256": DIGEST}} for file in files]}
        self.answers[f"/simple/{name}/"] = (json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
        for file in files:
            self.answers[f"/{file}"] = (CONTENT, "application/octet-stream")


@contextmanager
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers["Authorization"]))
            answer = site.answers.get(self.path)
            if answer is None:
                self.send_error(404)
            elif isinstance(answer, str):
                self.send_response(302)
                self.send_header("Location", answer)
                self.end_headers()
            else:
                self.send_response(200)
                self.send_header("Content-Type", answer[1])
                self.end_headers()
                self.wfile.write(answer[0])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Web(server.server_port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def start() -> Iterator[Callable[[], Web]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(web())


def client(default: str, **environ: str) -> IndexClient:
    return IndexClient({"UV_NO_CONFIG": "1", "HOME": "/nowhere", "UV_DEFAULT_INDEX": default, **environ})


async def found(client: IndexClient, name: str = "promise") -> str | None:
    pair = await client.newest(name, SpecifierSet(), "3.11.7")
    return pair and pair[1].file.url


async def test_of_several_indexes_the_first_that_knows_the_name_counts(start: Callable[[], Web]) -> None:
    first, second = start(), start()
    first.add_package("promise", "promise-1.0.tar.gz")
    second.add_package("promise", "promise-2.0.tar.gz")
    second.add_package("docopt", "docopt-1.0.tar.gz")
    both = {"default": f"{second.url}/simple", "UV_INDEX": f"{first.url}/simple/"}

    assert await found(client(**both)) == f"{first.url}/promise-1.0.tar.gz"
    assert await found(client(**both), "docopt") == f"{second.url}/docopt-1.0.tar.gz"
    assert await found(client(**both), "absent") is None
    best = client(**both, UV_INDEX_STRATEGY="unsafe-best-match")
    assert await found(best) == f"{second.url}/promise-2.0.tar.gz"


async def test_a_login_is_not_sent_on_to_another_server(start: Callable[[], Web], tmp_path: Path) -> None:
    index, other = start(), start()
    other.add_package("promise", "promise-1.0.tar.gz")
    index.answers["/simple/promise/"] = f"{other.url}/simple/promise/"
    private = client(f"http://me:secret@127.0.0.1:{index.port}/simple")

    pair = await private.newest("promise", SpecifierSet(), "3.11.7")
    assert pair is not None
    await private.download(pair[0], pair[1].file, tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert index.asked == [("/simple/promise/", "Basic bWU6c2VjcmV0")]
    assert other.asked == [("/simple/promise/", None), ("/promise-1.0.tar.gz", None)]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/file"])
async def test_only_http(start: Callable[[], Web], tmp_path: Path, target: str) -> None:
    site = start()
    site.answers["/file"] = target
    index = Index(f"{site.url}/simple")

    for url in (f"{site.url}/file", target):
        with pytest.raises(IndexClientError, match=r"is not (?:of http or https|allowed)"):
            await client(site.url).download(index, IndexFile("file", url, {}), tmp_path / "file")
    assert not (tmp_path / "file").exists()


async def test_proxies(start: Callable[[], Web]) -> None:
    proxy, site = start(), start()
    site.add_package("promise", "promise-1.0.tar.gz")

    assert await found(client(f"{site.url}/simple", HTTP_PROXY=proxy.url)) is None
    assert proxy.asked == [(f"{site.url}/simple/promise/", None)]
    assert await found(client(f"{site.url}/simple", ALL_PROXY=proxy.url, no_proxy="127.0.0.1"))


@pytest.mark.parametrize("answer", [(b"[]", "application/json"), "/simple/promise/"])
async def test_what_is_no_index(start: Callable[[], Web], answer: tuple[bytes, str] | str) -> None:
    site = start()
    site.answers["/simple/promise/"] = answer

    with pytest.raises(IndexClientError, match="/simple/promise/"):
        await found(client(f"{site.url}/simple"))


async def test_an_index_that_is_not_there() -> None:
    with pytest.raises(IndexClientError, match=r"http://127\.0\.0\.1:1/simple/promise/ cannot be read"):
        await found(client("http://127.0.0.1:1/simple"))
