"""``python -m cloud.serve`` as a process: started, listened to, ended."""

import signal
import subprocess
import sys

SERVE = [sys.executable, "-m", "cloud.serve"]
WHO_AM_I = """
import google.auth, google.auth.transport.requests as transport
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(transport.Request())
print(project, credentials.service_account_email, len(credentials.token) > 100)
"""
MAKE_BUCKET = """
import os, sys, requests
made = requests.post(os.environ["STORAGE_EMULATOR_HOST"] + "/storage/v1/b", json={"name": sys.argv[1]}, timeout=20)
print(made.status_code)
"""
LABS_LINE = (
    'curl -s -X GET -H "Content-Type: application/json" -H "Authorization: Bearer $TOKEN" '
    "https://ml.googleapis.com/v1/projects/local-project:getConfig "
    """| python3 -c "import json; import sys; response = json.load(sys.stdin); print(response['serviceAccount'])\" """
)
"""The course asks so for the account to grant to."""


def run(environ: dict[str, str], *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVE, *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
        start_new_session=True,
        check=False,
    )


def start(environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SERVE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"it ended: {seen}\n{process.communicate()}")


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=60)
