"""Starts ``python -m cloud.serve`` as a process, reads its output and ends it; programs to run in the cloud."""

import signal
import subprocess
import sys

SERVE = [sys.executable, "-m", "cloud.serve"]
PRINT_IDENTITY = """
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
PRINT_ML_ACCOUNT = (
    'curl -s -X GET -H "Content-Type: application/json" -H "Authorization: Bearer $TOKEN" '
    "https://ml.googleapis.com/v1/projects/local-project:getConfig "
    """| python3 -c "import json; import sys; response = json.load(sys.stdin); print(response['serviceAccount'])\" """
)
"""The lab's command that prints the account to grant access to."""

WAIT_FOR_FORK_SERVER = """
import os, time
from pathlib import Path
def preloads():
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            parent = int((line.parent / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getppid() and line.read_bytes().endswith(b"\\0tensorflow\\0keras\\0"):
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass
while not preloads():
    time.sleep(0.05)
print("loading")
"""
"""Ends when the cloud around it has started a fork server that loads TensorFlow for jobs."""


def run(environ: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVE, *arguments],
        input=stdin,
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


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if text in line:
            return output
    raise AssertionError(f"it ended: {output}\n{process.communicate()}")


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    process.send_signal(number)
    return process.communicate(timeout=60)
