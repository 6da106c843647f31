"""Requests that are signed as Google's client signs them, and the forms of its policies."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from google.cloud import storage
from google.oauth2 import service_account

from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.storage_v1.bucket_host import bucket_of_host
from cloud.emulator.storage_v1.signatures.canonical import SignedRequest
from cloud.engine.principal import Principal
from cloud.engine.project.identities import owner

OWNER = owner("my-project")
KEYS = KeyRing()
VECTORS = json.loads((Path(__file__).parents[1] / "data" / "v4_signatures.json").read_text(encoding="utf-8-sig"))
"""Google's own (tests/data/NOTICE)."""


def client_of(principal: Principal, keys: KeyRing = KEYS) -> storage.Client:
    """A client that signs with a key of this account."""
    file = keys.service_account_file(principal, "my-project")
    return storage.Client("my-project", service_account.Credentials.from_service_account_info(file))


def request_of(url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> SignedRequest:
    """What a server gets of a request for ``url``."""
    parts = urlsplit(url)
    given = {name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()}
    return SignedRequest(
        method=method,
        host=parts.netloc,
        path=parts.path,
        bucket=bucket_of_host(parts.netloc),
        query=parse_qsl(parts.query, keep_blank_values=True),
        headers={**given, "host": parts.netloc},
    )


def form_body(fields: Mapping[str, Any], file: bytes | None = b"content", filename: str = "a.txt") -> bytes:
    """A form of ``multipart/form-data; boundary=x``."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        parts.append(f"{head}Content-Type: text/html\r\n\r\n".encode() + file + b"\r\n")
    return b"".join([*parts, b"--x--\r\n"])


def meaning(url: str) -> tuple[str, list[tuple[str, str]]]:
    """What a URL says, however it is written: %3B or %3b, and the names of parameters in any case."""
    address, _, query = url.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    return unquote(address), sorted((name.lower(), value) for name, value in parameters)
