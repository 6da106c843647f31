"""A real Chromium, and web sites of other origins for it."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EVIL = "evil.example"
"""A host of another site, which is this machine for the browser, as every host below ``.example`` is."""


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A headless Chromium; the test is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on PATH (Debian's package is called chromium)")
    arguments = ["--host-resolver-rules=MAP *.example 127.0.0.1", "--no-proxy-server"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # it refuses root otherwise
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class _EmptyPages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_site() -> Iterator[int]:
    """The port of a server of empty pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
