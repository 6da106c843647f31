"""Requests of a local cloud's owner as raw HTTP, including requests that no client library would send."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from cloud.server.thread import BackgroundCloud

ML, STORAGE = "ml", "storage"
PROJECT = "/v1/projects/local-project"
MB = 2**20
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


class Owner:
    """Sends requests as bytes, to the port where requests without a token are the owner's."""

    def __init__(self, cloud: BackgroundCloud) -> None:
        self.cloud = cloud
        host, port = cloud.environ["STORAGE_EMULATOR_HOST"].removeprefix("http://").split(":")
        self.address = (host, int(port))

    def raw(
        self,
        verb: str,
        api: str,
        path: str,
        body: bytes = b"",
        *,
        header: str = "Accept: */*",
        timeout: float = 30,
    ) -> tuple[int, bytes]:
        """Send a request on a new connection; returns status and body."""
        head = (
            f"{verb} {path} HTTP/1.1\r\nHost: {api}.googleapis.com\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n{header}\r\n\r\n"
        )
        response = b""
        with socket.create_connection(self.address, timeout=timeout) as connection:
            with suppress(ConnectionError):  # refused before all was sent: there is a response
                connection.sendall(head.encode() + body)
            while block := connection.recv(MB):
                response += block
        head, _, content = response.partition(b"\r\n\r\n")
        return int(head.split()[1]), content

    def json(self, verb: str, api: str, path: str, body: Any = None, *, timeout: float = 30) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        status, content = self.raw(verb, api, path, content, timeout=timeout)
        return status, json.loads(content) if content else None

    def open_bucket(self, name: str) -> None:
        """Create a bucket whose objects jobs may read."""
        assert self.json("POST", STORAGE, "/storage/v1/b", {"name": name})[0] == 200
        account = self.json("GET", ML, f"{PROJECT}:getConfig")[1]["serviceAccount"]
        for listed in ("acl", "defaultObjectAcl"):
            reader = {"entity": f"user-{account}", "role": "READER"}
            assert self.json("POST", STORAGE, f"/storage/v1/b/{name}/{listed}", reader)[0] == 200

    def put(self, bucket: str, name: str, data: bytes) -> int:
        return self.raw("POST", STORAGE, f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", data)[0]

    def poll_until(self, job_id: str, *states: str) -> Iterator[Any]:
        """Poll the job until it is in one of these states; yields each result."""
        deadline = time.monotonic() + 60
        while True:
            job = self.json("GET", ML, f"{PROJECT}/jobs/{job_id}")[1]
            yield job
            if job["state"] in states:
                return
            assert job["state"] not in FINAL, job
            assert time.monotonic() < deadline, job
            time.sleep(0.05)

    def check_error(self, response: tuple[int, bytes], *statuses: int) -> None:
        """Check that the response is an error in the API's form: JSON with the code, XML, or OAuth's."""
        status, content = response
        assert status in statuses, response
        if content.startswith(b"<?xml"):
            assert re.search(rb"<Code>\w+</Code><Message>", content)
        else:
            error = json.loads(content)["error"]
            oauth = ("invalid_request", "invalid_grant", "unsupported_grant_type")  # RFC 6749 §5.2
            assert error in oauth or (error["code"] == status and error["message"])

    def is_healthy(self) -> bool:
        return self.json("GET", ML, f"{PROJECT}:getConfig")[0] == 200
