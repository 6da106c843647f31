"""A logged-in browser page, and what tests do with it."""

import importlib.resources
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud.server.thread import BackgroundCloud

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response


AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
COLORS = "{runOnly: ['color-contrast']}"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@dataclass(frozen=True, slots=True)
class Pages:
    page: "Page"
    port: int

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def open(self, path: str) -> "Response":
        answer = self.page.goto(self.url(path))
        assert answer is not None
        return answer

    @property
    def main(self) -> str:
        """What the page shows."""
        return self.page.locator("main").inner_text()


def ask(cloud: BackgroundCloud, path: str, agent: str, host: str = "") -> int:
    """A request of the owner's; returns its status."""
    url = cloud.environ["STORAGE_EMULATOR_HOST"] + path
    asked = urllib.request.Request(url, headers={"User-Agent": agent, **({"Host": host} if host else {})})  # noqa: S310 - our own
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def serious_findings(page: "Page", rules: str = "{}") -> list[tuple[str, str, list[str]]]:
    """What axe-core objects to in a page: its address, the rule, the elements.

    Args:
        rules: options of ``axe.run``.
    """
    page.evaluate(AXE.read_text())
    return [
        (page.url, each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in page.evaluate(f"axe.run({rules})")["violations"]
        if each["impact"] in ("serious", "critical")
    ]
