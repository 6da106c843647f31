"""A package index on loopback that misbehaves on request, with wheels built by the tests."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Semaphore, Thread
from types import MappingProxyType

LOGIN = "ci-user:s3cret-t0ken"
_FILES = (".whl", ".tar.gz")


def wheel(
    name: str,
    version: str = "1.0",
    *requires: str,
    tag: str = "py3-none-any",
    code: str = "",
    headers: tuple[str, ...] = (),
    files: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, bytes]:
    """The file name and the content of a wheel with one module."""
    module = name.replace("-", "_").lower()
    info = f"{module}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *headers]
    content_of = {
        **files,
        f"{module}.py": code or f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join([*metadata, *(f"Requires-Dist: {text}" for text in requires), "", ""]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},,\n" for path in [*content_of, f"{info}/RECORD"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in {**content_of, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{module}-{version}-{tag}.whl", content.getvalue()


def sdist(
    name: str, version: str = "1.0", *requires: str, setup: str = "", files: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, bytes]:
    """The file name and the content of a source distribution with one module.

    Args:
        setup: what its ``setup.py`` does first.
    """
    module = name.replace("-", "_")
    arguments = f"name={name!r}, version={version!r}, py_modules=[{module!r}], install_requires={list(requires)!r}"
    content_of = {
        "setup.py": f"from setuptools import setup\n{setup}\nsetup({arguments})\n",
        f"{module}.py": f"VERSION = {version!r}\n",
        **files,
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in content_of.items():
            member = tarfile.TarInfo(f"{module}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{module}-{version}.tar.gz", content.getvalue()


class PackageIndex:
    """``url`` serves the wheels; ``url_of`` the same, after a behaviour."""

    def __init__(self, port: int, files: dict[str, bytes]) -> None:
        self.port = port
        self.files = files
        self.requests: list[str] = []
        self.silenced = Semaphore(0)
        """Released for each request that gets no answer."""
        self.closed = Event()

    @property
    def url(self) -> str:
        return self.url_of("simple")

    def url_of(self, behaviour: str, login: str = "") -> str:
        """``behaviour``: ``simple``, ``silent``, ``refusing`` (401), ``other-hash``, ``private`` (needs ``LOGIN``)."""
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/{behaviour}"

    def add(self, *wheels: tuple[str, bytes]) -> None:
        self.files.update(wheels)

    def write(self, folder: Path) -> Path:
        """Make ``folder`` a wheelhouse with the same files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder


@contextmanager
def package_index(*wheels: tuple[str, bytes]) -> Iterator[PackageIndex]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            index.requests.append(self.requestline)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            behaviour, _, rest = self.path.strip("/").partition("/")
            if behaviour == "silent":
                index.silenced.release()
                index.closed.wait()
                return
            if behaviour == "refusing" or (behaviour == "private" and "Authorization" not in self.headers):
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
            found = index.files.get(rest) if rest.endswith(_FILES) else _page(index.files, rest, behaviour)
            if not found:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if rest.endswith(_FILES) else "text/html")
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found)

    class Server(ThreadingHTTPServer):
        request_queue_size = 512

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    index = PackageIndex(server.server_port, dict(wheels))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield index
    finally:
        index.closed.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _page(files: Mapping[str, bytes], name: str, behaviour: str) -> bytes:
    links = ""
    for file, content in files.items():
        if file.partition("-")[0].replace("_", "-") == name:
            digest = "0" * 64 if behaviour == "other-hash" else hashlib.sha256(content).hexdigest()
            links += f'<a href="/{behaviour}/{file}#sha256={digest}">{file}</a>\n'
    return links.encode()
