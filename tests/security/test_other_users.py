"""Other Unix users of this machine, at every address of a cloud.

Each attack is tried with the check of callers switched off, too: there it succeeds.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_gcs_servers import has_namespaces

from cloud.gateway.callers import Callers
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from integration.owner import STORAGE, Owner
from integration.serve.programs import end, read_until
from security.unix_users import (
    OWNER,
    REFUSED,
    STRANGER,
    Homes,
    as_user,
    attack,
    curl,
    in_readable_world,
    needs_other_users,
)

pytestmark = needs_other_users()
ACCOUNT = "computeMetadata/v1/instance/service-accounts/default"
JOB = {"jobId": "theirs", "trainingInput": {"scaleTier": "BASIC", "region": "us-central1"}}


def request(line: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    head = f"{line} HTTP/1.1\r\nHost: {host}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


ATTACKS = {
    "list buckets as the owner": ("owner", request("GET /storage/v1/b?project=local-project")),
    "get the owner's token": ("owner", request(f"GET /{ACCOUNT}/token")),
    "submit a job": (
        "owner",
        request("POST /v1/projects/local-project/jobs", json.dumps(JOB).encode(), "ml.googleapis.com"),
    ),
    "get a job's token": ("gateway", request(f"GET /{ACCOUNT}/token")),
    "get a job's token by proxy": ("gateway", request(f"GET http://metadata.google.internal/{ACCOUNT}/token")),
    "open a tunnel": ("gateway", request("CONNECT storage.googleapis.com:443")),
    "send nonsense": ("gateway", b"\0" * 70_000),
}
"""Listener and request, by what a stranger wants."""
SUCCEEDS_WITH = {"submit a job": b"HTTP/1.1 400 Bad Request", "send nonsense": b"HTTP/1.1 431 "}
"""Where that is not a response with status 200: what is asked for is judged then."""


@dataclass(frozen=True)
class Target:
    cloud: BackgroundCloud
    is_checked: bool

    def port(self, listener: str) -> int:
        url = self.cloud.environ["STORAGE_EMULATOR_HOST"] if listener == "owner" else self.cloud.url
        return int(url.rpartition(":")[2])


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        Owner(cloud).open_bucket("prey")
        yield cloud


@pytest.fixture(params=["checked", "unchecked"])
def target(cloud, request, monkeypatch) -> Target:
    if request.param == "unchecked":
        monkeypatch.setattr(Callers, "admits", lambda *_: True)
    return Target(cloud, request.param == "checked")


@pytest.mark.parametrize("how", ["plain", "mapped", "half-closed"])
@pytest.mark.parametrize("wish", ATTACKS)
def test_a_stranger_is_refused(target, wish, how):
    listener, wanted = ATTACKS[wish]
    if wish == "open a tunnel" and not target.is_checked:
        how = "half-closed"  # the gateway waits for a handshake otherwise
    response = attack(how, target.port(listener), wanted)
    if target.is_checked:
        assert response.startswith(REFUSED)
        assert response.endswith(b"\r\n\r\nthis cloud is another user's\n")
    elif response or how != "half-closed":  # aiohttp may close the connection at the client's end before it answers
        assert response.startswith(SUCCEEDS_WITH.get(wish, b"HTTP/1.1 200 "))


@pytest.mark.parametrize("how", ["gone", "reset"])
def test_a_stranger_that_does_not_wait_for_an_answer_changes_nothing(target, how):
    """The socket of such a client is shown as root's."""
    owner, name = Owner(target.cloud), f"{how}-{target.is_checked}"
    upload = request(f"POST /upload/storage/v1/b/prey/o?uploadType=media&name={name}", b"data")
    for _ in range(10):
        attack(how, target.port("owner"), upload)
    until = time.monotonic() + (0 if target.is_checked else 20)
    while (status := read_status(owner, name)) == 404 and time.monotonic() < until:
        time.sleep(0.05)
    assert status == (404 if target.is_checked else 200)


def read_status(owner: Owner, name: str) -> int:
    # The server accepted it after the stranger's: those have been judged, and been stored if they were admitted.
    assert owner.put("prey", "own", b"data") == 200
    return owner.raw("GET", STORAGE, f"/storage/v1/b/prey/o/{name}")[0]


def test_a_stranger_is_cut_off_though_it_goes_on_sending(cloud):
    port = Target(cloud, is_checked=True).port("owner")
    began = time.monotonic()
    attack("endless", port, b"GET / HTTP/1.1\r\n")
    assert time.monotonic() - began < 10


def test_curl(target):
    environ = {"PATH": os.environ["PATH"], "https_proxy": target.cloud.url}
    listing = "storage/v1/b?project=local-project"
    direct = curl(STRANGER, f"http://127.0.0.1:{target.port('owner')}/{listing}", environ=environ)
    tunnel = curl(STRANGER, "-k", f"https://storage.googleapis.com/{listing}", environ=environ)
    if target.is_checked:
        assert direct == "this cloud is another user's\n403 000"
        assert tunnel.endswith("000 403")
    else:
        assert direct.endswith("200 000")
        assert tunnel.endswith("401 200")


def test_processes_of_the_same_user_are_admitted(cloud):
    port = Target(cloud, is_checked=True).port("owner")
    for how in ("plain", "mapped"):
        response = attack(how, port, ATTACKS["list buckets as the owner"][1], os.geteuid())
        assert response.startswith(b"HTTP/1.1 200 ")
    assert not attack("half-closed", port, ATTACKS["list buckets as the owner"][1], os.geteuid()).startswith(REFUSED)


# ---------------------------------------------------------------- in a user namespace, as rootless containers have


STRANGER_65534 = "refused another user of this machine, with uid 65534\n"
_TELLS_CALLERS = """
import socket
from cloud.gateway.callers import Callers

callers = Callers()
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            connection.sendall(b"admitted" if callers.admits(connection) else b"refused")
"""


@pytest.mark.skipif(not has_namespaces(), reason="this machine refuses user namespaces")
@pytest.mark.parametrize(
    ("namespace", "admitted", "warning"),
    [
        (
            ["unshare", "--user", "--map-current-user"],
            {OWNER},
            "refused another user of this machine, with uid 65534\n",
        ),
        # This user has no uid in it, and is 65534 as all are.
        (
            ["unshare", "--user"],
            {OWNER, STRANGER, 0},
            "other users of this machine can use this cloud: the user of a connection cannot be found out here\n",
        ),
    ],
    ids=["mapped", "unmapped"],
)
def test_users_that_a_namespace_does_not_know_are_strangers(namespace, admitted, warning):
    argv = as_user(OWNER, [*namespace, sys.executable, "-c", _TELLS_CALLERS])
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        answers = {uid: attack("plain", port, b"x", uid) for uid in (OWNER, STRANGER, 0)}
        process.terminate()
        assert process.communicate()[1] == warning
    assert answers == {uid: b"admitted" if uid in admitted else b"refused" for uid in (OWNER, STRANGER, 0)}


# ---------------------------------------------------------------- whole programs of ordinary users


@pytest.fixture
def homes() -> Iterator[Homes]:
    # pytest's temporary folder is closed to other users.
    folder = tempfile.mkdtemp(prefix="users-")
    yield Homes(Path(folder))
    shutil.rmtree(folder)


def test_two_users_serve_clouds_at_once_and_root_may_use_both(homes):
    serve = [sys.executable, "-m", "cloud.serve"]
    running: dict[int, subprocess.Popen[str]] = {}
    hosts: dict[int, str] = {}
    listing = "storage/v1/b?project=local-project"
    try:
        for uid in (OWNER, STRANGER):
            running[uid] = subprocess.Popen(
                as_user(uid, serve),
                env=homes.environ(uid),
                cwd=homes.shared,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        for uid, process in running.items():
            read_until(process, "Ctrl-C ends it")
            printed = subprocess.run(
                as_user(uid, [*serve, "env"]), env=homes.environ(uid), stdout=subprocess.PIPE, text=True, check=True
            ).stdout
            hosts[uid] = printed.partition("STORAGE_EMULATOR_HOST=")[2].partition("\n")[0].strip("'\"")
        answers = {
            (uid, other): curl(uid, f"{hosts[other]}/{listing}", environ=homes.environ(uid))[-7:-4]
            for uid in (OWNER, STRANGER, 0)
            for other in (OWNER, STRANGER)
        }
        ended = {uid: end(process)[1] for uid, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.communicate()
    assert answers == {
        (OWNER, OWNER): "200",
        (OWNER, STRANGER): "403",
        (STRANGER, OWNER): "403",
        (STRANGER, STRANGER): "200",
        (0, OWNER): "200",
        (0, STRANGER): "200",
    }
    for uid, other in ((OWNER, STRANGER), (STRANGER, OWNER)):
        assert f"refused another user of this machine, with uid {other}\n" in ended[uid]
    assert [path for path in homes.shared.iterdir() if path.name.startswith("local-cloud-")] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("mode", "count"), [("checked", 30), ("unchecked", 3)])
def test_no_user_of_thirty_sees_anothers_cloud(homes, mode, count):
    for uid in range(40_100, 40_100 + count):
        homes.environ(uid)
    crowd = [sys.executable, str(Path(__file__).with_name("crowd.py")), mode, str(count), str(homes.folder)]
    environ = homes.environ(40_100)
    result = subprocess.run(in_readable_world(crowd), env=environ, stdout=subprocess.PIPE, timeout=280, check=True)
    reports = json.loads(result.stdout)
    assert len(reports) == count
    others = count - 1
    for report in reports:
        assert report["own"] == [f"bucket-of-{report['uid']}"]
        assert report["found"] == report["pid"]
        refused = {"HTTP/1.1 403 this cloud is another user's": 2 * others}
        admitted = {"HTTP/1.1 200 OK": others, "HTTP/1.1 200 Connection established": others}
        assert report["others"] == (refused if mode == "checked" else admitted) | {"state folder": others}
