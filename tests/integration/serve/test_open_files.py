"""Clouds that may open few files: refused in words before clients see resets, or with room for a few connections."""

import json
import subprocess
import sys

from integration.serve.programs import SERVE

CROWD = """
import collections, json, os, socket
address = os.environ["STORAGE_EMULATOR_HOST"].removeprefix("http://").split(":")
request = b"GET /storage/v1/b?project=local-project HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
crowd, answers = [], collections.Counter()
for _ in range(300):
    crowd.append(socket.create_connection(address, timeout=30))
    crowd[-1].sendall(request)
for each in crowd:
    try:
        answers[each.recv(12).decode()] += 1
    except ConnectionResetError:
        answers["reset"] += 1
print(json.dumps(answers))
"""


def limited(environ: dict[str, str], files: int, *command: str) -> subprocess.CompletedProcess[str]:
    """``command``, run by a cloud that may have ``files`` open."""
    shell = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *SERVE, "--", *command]
    return subprocess.run(shell, env=environ, capture_output=True, text=True, timeout=120, check=False)


def test_too_few_files_are_refused_with_the_number_and_the_mend(environ: dict[str, str]) -> None:
    result = limited(environ, 256, "true")
    assert result.returncode == 1
    assert "may have 256 files open at a time, and a local cloud with 2 concurrent jobs needs 384" in result.stderr
    assert "ulimit -n 384" in result.stderr
    assert "Traceback" not in result.stderr


def test_connections_that_do_not_fit_get_503_and_no_reset(environ: dict[str, str]) -> None:
    result = limited(environ, 512, sys.executable, "-c", CROWD)
    assert result.returncode == 0, result.stderr
    answers = json.loads(result.stdout)
    assert answers["HTTP/1.1 200"] >= 32
    assert answers["HTTP/1.1 503"] >= 1
    assert set(answers) == {"HTTP/1.1 200", "HTTP/1.1 503"}
    assert result.stderr.count("connections, as many as its open files allow (ulimit -n)") == 1
    assert "Traceback" not in result.stderr
