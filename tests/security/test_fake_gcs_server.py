"""Programs of this machine that ask fake-gcs-server itself, which asks nobody who they are.

Each attack is tried where namespaces are refused, too: there the server listens on a loopback port, and it succeeds.
"""

import os
import socket
import subprocess
from contextlib import suppress

import pytest
from fake_gcs_servers import WITHOUT_NAMESPACES, engine, has_namespaces, listening_port

from security.unix_users import STRANGER, attack, needs_other_users

pytestmark = pytest.mark.skipif(not has_namespaces(), reason="this machine refuses network namespaces to its users")
ATTACKS = {
    "list buckets": "GET /storage/v1/b?project=p",
    "create a bucket": "POST /storage/v1/b",
    "change its settings": "PUT /_internal/config",
}


def reaches(port: int, line: str, uid: int | None) -> bool:
    body = b"{}" if "_internal" in line else b'{"name": "taken"}'
    head = f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    response = b""
    if uid is None:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(head.encode() + body)
            response = connection.recv(65536)
    else:
        with suppress(subprocess.CalledProcessError):
            response = attack("plain", port, head.encode() + body, uid)
    return response.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("is_isolated", [True, False], ids=["isolated", "refused"])
@pytest.mark.parametrize("uid", [None, pytest.param(STRANGER, marks=needs_other_users())], ids=["same", "another"])
async def test_programs_of_this_machine(tmp_path, uid, is_isolated):
    async with engine(tmp_path / "root", before=() if is_isolated else WITHOUT_NAMESPACES) as owner:
        port = int(owner.url.rpartition(":")[2])
        found = {what: reaches(port, line, uid) for what, line in ATTACKS.items()}
        assert found == dict.fromkeys(ATTACKS, not is_isolated)
        # Nor does it listen anywhere else that they could reach.
        assert listening_port(owner.server) == (None if is_isolated else port)


@needs_other_users()
async def test_another_user_does_not_enter_its_namespace(tmp_path):
    def enters(uid: int) -> bool:
        argv = ["nsenter", "--user", "--net", "--preserve-credentials", f"--target={owner.server}", "true"]
        ran = subprocess.run(argv, user=uid, group=uid, extra_groups=[], capture_output=True, check=False)
        return ran.returncode == 0

    async with engine(tmp_path / "root") as owner:
        assert not enters(STRANGER)
        assert enters(os.getuid())
