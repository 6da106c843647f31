"""Reads Google's discovery documents from google-api-python-client.

Format: https://developers.google.com/discovery/v1/reference/apis. The files are read directly: importing the library
takes longer than most requests.
"""

import importlib.util
from pathlib import Path

from cloud.errors import FailedPrecondition


def read_document(name: str) -> bytes:
    """The JSON text of the document ``name`` (``ml.v1``).

    Raises:
        FailedPrecondition: google-api-python-client is not installed, or has no such document.
    """
    package = importlib.util.find_spec("googleapiclient")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / "discovery_cache" / "documents" / f"{name}.json"
        if path.is_file():
            return path.read_bytes()
    raise FailedPrecondition(f"there is no discovery document {name}: install google-api-python-client")
