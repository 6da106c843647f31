"""The entries of a training replica's metadata server, and their formats. Pure.

Entries and formats: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys and
https://cloud.google.com/compute/docs/metadata/querying-metadata.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]
"""Directories are mappings; lists are rendered one item a line."""

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def document(*, project: str, number: int, region: str, email: str) -> Tree:
    """Every entry but tokens, which are secret and change."""
    account = {"aliases": ["default"], "email": email, "scopes": SCOPES}
    return {
        "instance": {
            "attributes": {},
            "hostname": f"training-replica.c.{project}.internal",
            "id": int.from_bytes(hashlib.sha256(project.encode()).digest()[:7], "big"),
            "machine-type": f"projects/{number}/machineTypes/n1-standard-4",
            "name": "training-replica",
            "region": f"projects/{number}/regions/{region}",
            "service-accounts": {"default": account, email: account},
            "zone": f"projects/{number}/zones/{region}-a",
        },
        "project": {
            "attributes": {},
            "numeric-project-id": number,
            "project-id": project,
        },
        "universe": {"universe-domain": "googleapis.com"},
    }


def find(tree: Tree, path: str) -> Any:
    """The entry at ``path``; a slash at the end of a directory is optional.

    Raises:
        KeyError: there is none.
    """
    node: Any = tree
    for part in filter(None, path.split("/")):
        if not isinstance(node, Mapping):
            raise KeyError(path)
        node = node[part]
    return node


def render(node: Any, *, recursive: bool, as_json: bool) -> tuple[str, str]:
    """Content type and body of an entry. Without ``recursive`` a directory is a list of names."""
    if as_json or (recursive and isinstance(node, Mapping)):
        return "application/json", json.dumps(_camel_case(node))
    if isinstance(node, Mapping):
        return "application/text", "".join(
            f"{name}/\n" if isinstance(below, Mapping) else f"{name}\n" for name, below in node.items()
        )
    if isinstance(node, list):
        return "application/text", "".join(f"{item}\n" for item in node)
    return "application/text", str(node)


def _camel_case(node: Any) -> Any:
    # A name with an @ is data (an account's address), not the name of an entry.
    if not isinstance(node, Mapping):
        return node
    return {
        name
        if "@" in name
        else name.split("-")[0] + "".join(part.title() for part in name.split("-")[1:]): _camel_case(below)
        for name, below in node.items()
    }
