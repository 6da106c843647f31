"""Many users of one machine, each with a whole cloud; each calls the clouds of all.

    crowd.py checked|unchecked COUNT FOLDER

Started by root. Prints a JSON object for each user, in a list: the buckets in its own cloud, the pid of the cloud that
it finds announced, and how often others answered in which way. FOLDER has a folder of each user, named by its uid.
"""

import asyncio
import json
import os
import socket
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

# Before the users are made, so that each need not import it.
import cloud.server.assembly  # noqa: F401
from cloud.gateway.callers import Callers
from cloud.server.announcement import Announcement, RunningCloud, find_latest
from cloud.server.local import LocalCloud
from cloud.settings import LauncherKind, Settings, user_runtime_folders

FIRST = 40_100


class Line:
    """JSON values to and from another process, one a line."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rw")

    def send(self, value: object) -> None:
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()

    def receive(self):
        return json.loads(self._file.readline())


def main(mode: str, count: int, folder: Path) -> None:
    if mode == "unchecked":
        Callers.admits = lambda *_: True
    users, lines = [], []
    for uid in range(FIRST, FIRST + count):
        ours, theirs = socket.socketpair()
        users.append(os.fork())
        if users[-1] == 0:
            try:
                become(uid, folder / str(uid))
                asyncio.run(use_cloud(uid, Line(theirs)))
            finally:
                sys.stdout.flush()
                os._exit(sys.exc_info()[0] is not None)
        lines.append(Line(ours))
    clouds = [line.receive() for line in lines]
    for line in lines:
        line.send(clouds)
    reports = [line.receive() for line in lines]
    sys.stdout.write(json.dumps(reports))
    for line in lines:
        line.send("end")
    statuses = [os.waitpid(user, 0)[1] for user in users]
    assert statuses == [0] * count, statuses


def become(uid: int, home: Path) -> None:
    os.environ["HOME"] = str(home)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


async def use_cloud(uid: int, line: Line) -> None:
    settings = replace(Settings.from_environ(), launcher=LauncherKind.COLD)
    async with LocalCloud(settings, launcher_first=False) as cloud:
        environ = await cloud.owner_environ()
        running = RunningCloud(os.getpid(), cloud.url, environ)
        with closing(Announcement(running, cloud.state_dir, user_runtime_folders(), sys.stderr.write)):
            owner, gateway = (int(url.rpartition(":")[2]) for url in (environ["STORAGE_EMULATOR_HOST"], cloud.url))
            body = json.dumps({"name": f"bucket-of-{uid}"})
            made = await ask(owner, f"POST /storage/v1/b HTTP/1.1\r\nContent-Length: {len(body)}", body)
            assert made.startswith("HTTP/1.1 200"), made
            line.send({"uid": uid, "owner": owner, "gateway": gateway, "state": str(cloud.state_dir)})
            report: dict[str, object] = {"uid": uid, "pid": os.getpid()}
            answers: Counter[str] = Counter()
            for other in await asyncio.to_thread(line.receive):
                listed = await ask(other["owner"], "GET /storage/v1/b?project=local-project HTTP/1.1")
                if other["uid"] == uid:
                    report["own"] = [each["name"] for each in json.loads(listed.partition("\r\n\r\n")[2])["items"]]
                    continue
                answers[listed.partition("\r\n")[0]] += 1
                answers[await first_line(other["gateway"], "CONNECT storage.googleapis.com:443 HTTP/1.1")] += 1
                try:
                    os.listdir(other["state"])
                except PermissionError:
                    answers["state folder"] += 1
            found = find_latest(user_runtime_folders())
            line.send(report | {"found": found and found.pid, "others": answers})
            await asyncio.to_thread(line.receive)


async def ask(port: int, head: str, body: str = "") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        writer.write(f"{head}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n{body}".encode())
        return (await reader.read()).decode()


async def first_line(port: int, head: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        writer.write(f"{head}\r\n\r\n".encode())
        return (await reader.readline()).decode().rstrip()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
