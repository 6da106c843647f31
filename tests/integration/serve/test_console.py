"""The console of ``python -m cloud.serve``: its address, and another one by the subcommand."""

import http.cookiejar
import re
import signal
import urllib.error
import urllib.request

import pytest

from integration.serve.programs import end, read_until, run, start

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/open\?token=\S+")


def opened(address: str) -> str:
    """The page that a browser shows."""
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
    with opener.open(address, timeout=30) as response:
        return str(response.read().decode())


def test_each_address_opens_the_console_once(environ: dict[str, str]) -> None:
    with start(environ, "--project", "my-project") as process:
        first = ADDRESS.findall(read_until(process, "Ctrl-C ends it"))
        second = ADDRESS.findall(run(environ, "console").stdout)
        for address in (*first, *second):
            assert "<h1>my-project</h1>" in opened(address)
            with pytest.raises(urllib.error.HTTPError, match="403"):
                opened(address)
        end(process, signal.SIGINT)
    assert (len(first), len(second), process.returncode) == (1, 1, 0)


def test_it_can_be_left_out(environ: dict[str, str]) -> None:
    with start(environ, "--console", "off") as process:
        assert not ADDRESS.findall(read_until(process, "Ctrl-C ends it"))
        result = run(environ, "console")
        end(process, signal.SIGINT)
    assert result.returncode == 1
    assert "this cloud has no console" in result.stderr
