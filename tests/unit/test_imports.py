"""Importing ``cloud`` loads no heavy libraries."""

import subprocess
import sys

PROGRAM = """
import sys
before = set(sys.modules)  # what is loaded by .pth files of namespace packages
import cloud.server.thread, cloud.pytest_plugin, cloud.run, cloud.serve, cloud.cli.serve, cloud.workflow.steps
heavy = ("aiohttp", "cryptography", "gcloud", "google.", "googleapiclient", "keras", "numpy", "tensorflow")
print([name for name in sorted(set(sys.modules) - before) if name.startswith(heavy)])
"""


def test_importing_loads_neither_tensorflow_nor_googles_clients_nor_a_server() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
