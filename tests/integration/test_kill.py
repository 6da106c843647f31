"""``kill -9`` of the server at random points of a workflow: when it is started again on the same folder, everything
that it had accepted is there, nothing is incomplete, every job ends, and no process has outlived its server.

``KILLS=50 KILL_SEED=7 pytest tests/integration/test_kill.py`` sets the number of kills and the seed.
"""

import asyncio
import contextlib
import functools
import json
import os
import random
import select
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cloud.server.announcement import RunningCloud, find_running
from cloud.testing.contract.probes import wheel
from integration.launch.programs import linux_only
from integration.ledger import Ledger
from integration.user_environ import user_environ

KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("KILL_SEED", "1"))
ACCOUNT = "user:{}@example.com"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
TRAINER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
time.sleep(0.5)
"""


class Client:
    """Sends HTTP to the port where requests without a token are the owner's."""

    def __init__(self, session: aiohttp.ClientSession, running: RunningCloud) -> None:
        self._session = session
        self._url = running.environ["STORAGE_EMULATOR_HOST"]

    async def send(self, verb: str, path: str, **options: Any) -> tuple[int, bytes, str]:
        headers = options.pop("headers", {})
        if path.startswith("/v1/"):
            headers = {"Host": "ml.googleapis.com"}
        url = path if path.startswith("http") else self._url + path
        async with self._session.request(verb, url, headers=headers, **options) as response:
            return response.status, await response.read(), response.headers.get("Location", "")

    async def request(self, verb: str, path: str, body: Any = None) -> Any:
        status, content, _ = await self.send(verb, path, **({} if body is None else {"json": body}))
        assert status in (200, 204), (verb, path, status, content)
        return json.loads(content) if content else None

    async def find(self, path: str) -> Any:
        """None if it does not exist."""
        status, content, _ = await self.send("GET", path)
        assert status in (200, 404), (path, status, content)
        return json.loads(content) if status == 200 else None

    async def put(self, name: str, data: bytes) -> None:
        path = f"/upload/storage/v1/b/kept/o?uploadType=media&name={name}"
        status, content, _ = await self.send("POST", path, data=data)
        assert status == 200, content

    async def resume(self, name: str, data: bytes) -> None:
        _, _, location = await self.send("POST", f"/upload/storage/v1/b/kept/o?uploadType=resumable&name={name}")
        half = 256 * 1024
        for start, piece in ((0, data[:half]), (half, data[half:])):
            span = f"bytes {start}-{start + len(piece) - 1}/{len(data)}"
            status, content, _ = await self.send("PUT", location, data=piece, headers={"Content-Range": span})
        assert status == 200, content


class Workflow:
    """Several concurrent clients, each with its own names, until the server is killed."""

    def __init__(self, ledger: Ledger, client: Client, run: int, rng: random.Random) -> None:
        self.ledger, self.client, self.run, self.rng = ledger, client, run, rng

    async def run_until_killed(self) -> None:
        ways = (self.objects, self.jobs, self.models, self.versions, self.policies)
        ended = await asyncio.gather(*(way() for way in ways), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, aiohttp.ClientError | ConnectionError):
                raise error

    async def objects(self) -> None:
        for number in range(10**6):
            name = f"{self.run}-{number}"
            data = self.rng.randbytes(self.rng.choice([0, 10, 400_000]))
            write = functools.partial(self.client.resume if len(data) > 10 else self.client.put, name, data)
            await self.ledger.change(("object", name), data, write)
            if number % 3 == 0:
                path = f"/storage/v1/b/kept/o/{name}"
                await self.ledger.change(("object", name), None, lambda path=path: self.client.request("DELETE", path))

    async def jobs(self) -> None:
        for number in range(10**6):
            name, labels = f"job_{self.run}_{number}", {"turn": str(number)}
            job = {
                "jobId": name,
                "labels": labels,
                "trainingInput": {
                    "packageUris": ["gs://kept/wait-1-py3-none-any.whl"],
                    "pythonModule": "wait",
                    "region": "us-central1",
                },
            }
            await self.change("job", name, labels, "POST", "/jobs", job)
            labels = {"turn": str(number), "patched": "yes"}
            await self.change("job", name, labels, "PATCH", f"/jobs/{name}?updateMask=labels", {"labels": labels})
            if number % 3 == 1:
                await self.client.send("POST", f"/v1/projects/local-project/jobs/{name}:cancel")
            # Otherwise hundreds of jobs would have to run at the end.
            await asyncio.sleep(0.1)

    async def models(self) -> None:
        for number in range(10**6):
            name, labels = f"model_{self.run}_{number}", {"turn": str(number)}
            value = (labels, "first")
            await self.change("model", name, value, "POST", "/models", _model(name, *value))
            policy = {"bindings": [{"role": "roles/ml.viewer", "members": [ACCOUNT.format(number)]}]}
            path = f"/models/{name}:setIamPolicy"
            await self.change("model policy", name, policy["bindings"], "POST", path, {"policy": policy})
            value = (labels, "second")
            path = f"/models/{name}?updateMask=description"
            await self.change("model", name, value, "PATCH", path, {"description": "second"})
            if number % 3 == 0:
                # The policy is deleted with the model.
                self.ledger.possible["model policy", name].append(None)
                await self.change("model", name, None, "DELETE", f"/models/{name}")
                self.ledger.possible["model policy", name] = [None]

    async def versions(self) -> None:
        name, labels = f"with_{self.run}", {"run": str(self.run)}
        await self.change("model", name, (labels, ""), "POST", "/models", _model(name, labels, ""))
        version = {"name": "v", "deploymentUri": "gs://kept/model/", "runtimeVersion": "1.8", "labels": labels}
        made = await self.change(
            *("version", f"{name}/versions/v", (labels, "mls1-c4-m2")),
            *("POST", f"/models/{name}/versions", version | {"machineType": "mls1-c4-m2"}),
        )
        self.ledger.possible["operation", made["name"].rpartition("/")[2]] = ["UPDATED"]

    async def policies(self) -> None:
        for number in range(10**6):
            bindings = [{"role": "roles/storage.objectViewer", "members": [ACCOUNT.format(f"{self.run}-{number}")]}]
            await self.ledger.change(
                ("bucket policy", "kept"),
                bindings,
                lambda bindings=bindings: self.client.request(
                    "PUT", "/storage/v1/b/kept/iam", {"bindings": [*OWNERS, *bindings]}
                ),
            )

    async def change(self, kind: str, name: str, value: Any, verb: str, path: str, body: Any = None) -> Any:
        path = f"/v1/projects/local-project{path}"
        return await self.ledger.change((kind, name), value, lambda: self.client.request(verb, path, body))


OWNERS = [
    {"role": "roles/storage.legacyBucketOwner", "members": ["projectOwner:local-project"]},
    {
        "role": "roles/storage.admin",
        "members": ["serviceAccount:service-{}@cloud-ml.google.com.iam.gserviceaccount.com"],
    },
]


def _model(name: str, labels: dict[str, str], description: str) -> dict[str, Any]:
    return {"name": name, "labels": labels} | ({"description": description} if description else {})


async def found(client: Client, kind: str, name: str) -> Any:
    ml = "/v1/projects/local-project"
    match kind:
        case "object":
            status, content, _ = await client.send("GET", f"/storage/v1/b/kept/o/{name}?alt=media")
            assert status in (200, 404), content
            return content if status == 200 else None
        case "job":
            job = await client.find(f"{ml}/jobs/{name}")
            return job and job.get("labels")
        case "model":
            model = await client.find(f"{ml}/models/{name}")
            return model and (model.get("labels"), model.get("description", ""))
        case "model policy":
            policy = await client.find(f"{ml}/models/{name}:getIamPolicy")
            return policy and policy.get("bindings")
        case "version":
            version = await client.find(f"{ml}/models/{name}")
            assert version is None or version["isDefault"]
            return version and (version.get("labels"), version.get("machineType"))
        case "bucket policy":
            policy = await client.find(f"/storage/v1/b/{name}/iam")
            return [binding for binding in policy["bindings"] if "objectViewer" in binding["role"]] or None
        case "operation":
            return "UPDATED" if await client.find(f"{ml}/operations/{name}") else None
    raise AssertionError(kind)


class Server:
    """``python -m cloud.serve --state FOLDER``, started and killed several times."""

    def __init__(self, state: Path) -> None:
        self.state = state
        environ = user_environ()
        user = state.parent / "user"
        user.mkdir(mode=0o700)
        self._environ = (
            {"CLOUD_LAUNCHER": "cold"} | environ | {"XDG_RUNTIME_DIR": str(user), "CLOUD_CONCURRENT_JOBS": "2"}
        )

    def spawn(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloud.serve", "--state", str(self.state)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environ,
            start_new_session=True,
        )

    def start(self) -> RunningCloud:
        self.spawn()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Ctrl-C ends it" in line:
                running = find_running(self.state)
                assert running is not None
                return running
        raise AssertionError(self.process.communicate())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
        for pid, handle in self._processes():
            readable, _, _ = select.select([handle], [], [], 30)
            os.close(handle)
            assert readable, f"process {pid} outlives its server"
        assert list(self._processes()) == []

    def _processes(self) -> "list[tuple[int, int]]":
        """Processes (and their pidfds) with the folder in their arguments, environment or working directory."""
        found, folder = [], os.fsencode(self.state)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                data = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                if folder in data + os.fsencode(os.readlink(entry / "cwd")):
                    found.append((int(entry.name), os.pidfd_open(int(entry.name))))
        return found


async def prepare(client: Client) -> None:
    await client.request("POST", "/storage/v1/b", {"name": "kept"})
    account = (await client.request("GET", "/v1/projects/local-project:getConfig"))["serviceAccount"]
    OWNERS[1]["members"] = [f"serviceAccount:{account}"]
    await client.request("PUT", "/storage/v1/b/kept/iam", {"bindings": OWNERS})
    await client.put("wait-1-py3-none-any.whl", wheel("wait", TRAINER))
    await client.put("model/saved_model.pb", b"no model")


async def check(ledger: Ledger, client: Client) -> None:
    for kind, name in list(ledger.possible):
        ledger.compare((kind, name), await found(client, kind, name))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(100):
        while not await true():  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.1)


async def check_ends(ledger: Ledger, client: Client) -> None:
    """Check that jobs, versions and operations end."""
    ml = "/v1/projects/local-project"
    names = {kind: [name for of, name in ledger.possible if of == kind] for kind in ("job", "version", "operation")}

    async def jobs_are_final() -> bool:
        jobs = [await client.find(f"{ml}/jobs/{name}") for name in names["job"]]
        ended = [job for job in jobs if job is not None and job["state"] in FINAL]
        for job in ended:
            assert (job["state"] == "FAILED") == ("service was stopped" in job.get("errorMessage", "")), job
        return len(ended) == len([job for job in jobs if job is not None])

    async def operations_are_done() -> bool:
        return all([(await client.find(f"{ml}/operations/{name}"))["done"] for name in names["operation"]])

    await until(jobs_are_final)
    await until(operations_are_done)
    for name in names["version"]:
        version = await client.find(f"{ml}/models/{name}")
        assert version is None or (version["state"], bool(version["errorMessage"])) == ("FAILED", True)


@linux_only
@pytest.mark.timeout(60 + 20 * KILLS)
async def test_accepted_changes_survive_and_no_process_is_left(tmp_path: Path) -> None:
    server, ledger, rng = Server(tmp_path / "state"), Ledger(), random.Random(SEED)  # noqa: S311
    for run in range(KILLS):
        running = server.start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            client = Client(session, running)
            if run == 0:
                await prepare(client)
            else:
                await check(ledger, client)
            workflow = asyncio.create_task(Workflow(ledger, client, run, rng).run_until_killed())
            before = ledger.accepted
            await asyncio.sleep(rng.uniform(0, 1.5))
            await asyncio.to_thread(server.kill)
            await workflow
            assert ledger.accepted > before or run, "the first run is long enough for a response"
        if rng.random() < 0.3:
            server.spawn()
            await asyncio.sleep(rng.uniform(0, 1))
            await asyncio.to_thread(server.kill)
    running = server.start()
    async with aiohttp.ClientSession() as session:
        client = Client(session, running)
        await check(ledger, client)
        await check_ends(ledger, client)
        await check(ledger, client)
    await asyncio.to_thread(server.kill)
