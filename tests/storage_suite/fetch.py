"""Unpacks Google's tests of their Python client of Cloud Storage, from its source distribution on PyPI.

``python fetch.py FOLDER``: the tests of the installed version, in ``FOLDER/tests``.
"""

import importlib.metadata
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "google-cloud-storage"


def main(folder: Path) -> None:
    version = importlib.metadata.version(PACKAGE)
    mark = folder / "version"
    if mark.is_file() and mark.read_text() == version:
        return
    with tempfile.TemporaryDirectory() as scratch:
        wanted = ("--no-deps", "--no-build-isolation", "--no-binary", PACKAGE, f"{PACKAGE}=={version}")
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--dest", scratch, *wanted], check=True)
        [archive] = Path(scratch).glob("*.tar.gz")
        with tarfile.open(archive) as source:
            below = f"{archive.name.removesuffix('.tar.gz')}/tests/"
            members = [member for member in source if member.name.startswith(below)]
            for member in members:
                member.name = member.name.partition("/")[2]
            source.extractall(folder, members, filter="data")
    mark.write_text(version)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
