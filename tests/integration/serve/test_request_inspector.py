"""The console's inspector: what clients asked of this cloud, why it was refused, and the command that repeats it."""

import html
import http.cookiejar
import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable

from integration.serve.programs import end, read_until, run, start

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/open\?token=\S+")


def browser(address: str) -> Callable[[str], str]:
    """Opens the console, and then its pages by their paths."""
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
    opener.open(address, timeout=30).close()

    def show(path: str) -> str:
        with opener.open(address.partition("/open")[0] + path, timeout=30) as response:
            return html.unescape(response.read().decode())

    return show


def test_a_request_is_shown_explained_and_repeated(environ: dict[str, str]) -> None:
    with start(environ, "--project", "my-project") as process:
        show = browser(ADDRESS.findall(read_until(process, "Ctrl-C ends it"))[0])
        variables = run(environ, "env").stdout
        assert "No requests yet" in show("/requests")

        def shell(command: str) -> str:
            text = f"{variables}\n{command}"
            return subprocess.run(["bash", "-c", text], env=environ, capture_output=True, text=True, check=True).stdout

        made = json.dumps({"name": "inspected", "location": "US"})
        shell(
            f'curl -s -A "me/1 command/gcloud.storage.buckets.create invocation-id/7" -d {made!r} '
            '-H "Content-Type: application/json" "$STORAGE_EMULATOR_HOST/storage/v1/b?project=my-project"'
        )
        shell('curl -s "https://ml.googleapis.com/v1/projects/my-project/jobs/none"')
        shell("curl -s https://pypi.org/simple/ || true")

        everything = show("/requests?show=all")
        assert "gcloud storage buckets create" in everything
        assert "oauth2.token" not in show("/requests")
        numbers = {name: number for number, name in re.findall(r'href="/requests/(\d+)">([^<]+)', everything)}
        assert {"storage.buckets.insert", "ml.projects.jobs.get", "CONNECT"} <= set(numbers)
        assert "pypi.org:443 is not one of Google's APIs" in show(f"/requests/{numbers['CONNECT']}")
        missing = show(f"/requests/{numbers['ml.projects.jobs.get']}")
        assert "missing required authentication credential" in missing

        # What the page gives to copy does in a terminal what the client did.
        created = show(f"/requests/{numbers['storage.buckets.insert']}")
        [command] = re.findall(r'<div class="command"><pre[^>]*>(.*?)</pre>', created, re.S)
        assert json.loads(shell(command))["error"]["code"] == 409
        end(process, signal.SIGINT)
