"""HTTP to the emulator: JSON calls of Google's APIs, and bodies of objects as streams.

Requests go to the listener of ``STORAGE_EMULATOR_HOST``, which serves every emulated API by the ``Host`` header and
takes a request without a token for the owner's (docs/decisions/0024-callers-are-checked.md).
"""

import http.client
import json
import os
import platform
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote, urlencode

from cloud.stand_ins.failures import Failure, HttpError

TIMEOUT_SECONDS = 600
NO_CLOUD = (
    "no local cloud is known to this shell: run the command inside `python -m cloud.serve -- …`, or first "
    '`eval "$(python -m cloud.serve env)"`'
)


class Connection:
    """One connection, kept open. Not thread-safe.

    Args:
        command: with dots, ``gcloud.storage.ls``: the console groups requests by it.
        token: of the account that asks; None: the owner.
    """

    def __init__(self, command: str, token: str | None = None, invocation_id: str | None = None) -> None:
        url = os.environ.get("STORAGE_EMULATOR_HOST", "")
        if not url:
            raise Failure(NO_CLOUD)
        self._url, self._address = url, url.removeprefix("http://").rstrip("/")
        self.command = command
        self.invocation_id = invocation_id or uuid.uuid4().hex
        self._headers = {"User-Agent": self._user_agent()} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._connection: http.client.HTTPConnection | None = None

    def _user_agent(self) -> str:
        version = platform.python_version()
        return (
            f"offline-ml-cloud gcloud/stand-in command/{self.command} invocation-id/{self.invocation_id} "
            f"interactive/{sys.stdin is not None and sys.stdin.isatty()} python/{version}"
        )

    def call(
        self,
        method: str,
        host: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """A JSON request; returns the JSON of the response, None if it has no content.

        Args:
            host: the API's short name, ``ml``, or a whole host.
            query: values that are None are left out.

        Raises:
            HttpError: any status from 300 on.
        """
        data = None if body is None else json.dumps(body).encode()
        with self.open(method, host, path, query, data, {"Content-Type": "application/json"} if data else {}) as found:
            content = found.read()
        # Links in resources are of Google's scheme, not of this listener's.
        return json.loads(content.replace(b'"http://storage.', b'"https://storage.')) if content else None

    @contextmanager
    def open(
        self,
        method: str,
        host: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request; the response is to be read within the context.

        Raises:
            HttpError: any status from 300 on.
        """
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        target = path + (f"?{urlencode(wanted, doseq=True)}" if wanted else "")
        whole_host = host if "." in host else f"{host}.googleapis.com"
        given = {"Host": whole_host, **self._headers, **(headers or {})}
        if method in ("POST", "PUT", "PATCH") and body is None:
            given["Content-Length"] = "0"
        response = self._send(method, target, body, given)
        if response.status >= 300:
            content = response.read()
            raise HttpError(response.status, content)
        try:
            yield response
        finally:
            if not response.isclosed():
                self.close()  # the rest of its body was not wanted

    def _send(
        self, method: str, target: str, body: bytes | IO[bytes] | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        reused = self._connection is not None
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            self._connection.request(method, target, body, dict(headers))
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # The server closes a connection that was idle; a body that is a file was maybe read already.
            if reused and isinstance(error, (ConnectionError, http.client.RemoteDisconnected)) and not _is_file(body):
                return self._send(method, target, body, headers)
            raise Failure(
                f"no local cloud answers at STORAGE_EMULATOR_HOST={self._url} ({error}): it has ended, or this shell's "
                'environment is an earlier one\'s: eval "$(python -m cloud.serve env)"'
            ) from None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_file(body: bytes | IO[bytes] | None) -> bool:
    return body is not None and not isinstance(body, bytes)


def escape(name: str) -> str:
    """One part of a path."""
    return quote(name, safe="")
