"""What clients do with a cloud while processes of it are killed, and what must be true of it afterwards."""

import asyncio
import functools
import json
import random
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp

from cloud.server.announcement import RunningCloud
from cloud.testing.contract.probes import wheel
from integration.kill.model import saved_model
from integration.ledger import Ledger

ML = "/v1/projects/local-project"
ACCOUNT = "user:{}@example.com"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
TRAINER = """
import os, subprocess, sys, tempfile, time
tempfile.mkdtemp()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
time.sleep(1)
"""
LOST = re.compile(r"service was stopped|SIGKILL|signal 9|launcher was killed|has ended|was stopped|did not start")
"""In the message of a job that failed because a process was killed."""


class UnavailableError(Exception):
    """503: a part of the cloud is being restarted. The change may have been made."""


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
            content = await response.read()
            if response.status == 503:
                raise UnavailableError(content)
            return response.status, content, response.headers.get("Location", "")

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


class Workload:
    """Several concurrent clients, each with its own names, until the server is killed."""

    def __init__(self, ledger: Ledger, client: Client, run: int, rng: random.Random) -> None:
        self.ledger, self.client, self.run, self.rng = ledger, client, run, rng
        self.predicted = asyncio.Event()

    async def run_until_killed(self) -> None:
        async with asyncio.TaskGroup() as group:
            for way in (self.objects, self.jobs, self.models, self.versions, self.policies):
                group.create_task(self.repeat(way))

    async def repeat(self, way: Callable[[int], Awaitable[None]]) -> None:
        with suppress(aiohttp.ClientError, ConnectionError):
            for number in range(10**6):
                try:
                    await way(number)
                except UnavailableError:
                    await asyncio.sleep(0.1)

    async def objects(self, number: int) -> None:
        name = f"{self.run}-{number}"
        data = self.rng.randbytes(self.rng.choice([0, 10, 400_000]))
        write = functools.partial(self.client.resume if len(data) > 10 else self.client.put, name, data)
        await self.ledger.change(("object", name), data, write)
        if number % 3 == 0:
            path = f"/storage/v1/b/kept/o/{name}"
            await self.ledger.change(("object", name), None, lambda: self.client.request("DELETE", path))

    async def jobs(self, number: int) -> None:
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
            await self.client.send("POST", f"{ML}/jobs/{name}:cancel")
        # Otherwise hundreds of jobs would have to run at the end.
        await asyncio.sleep(0.5)

    async def models(self, number: int) -> None:
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

    async def versions(self, number: int) -> None:
        """Deploy one, and request predictions from it until it fails."""
        name, labels = f"with_{self.run}_{number}", {"run": str(self.run)}
        await self.change("model", name, (labels, ""), "POST", "/models", _model(name, labels, ""))
        version = {"name": "v", "deploymentUri": "gs://kept/model/", "runtimeVersion": "1.8", "labels": labels}
        made = await self.change(
            *("version", f"{name}/versions/v", (labels, "mls1-c4-m2")),
            *("POST", f"/models/{name}/versions", version | {"machineType": "mls1-c4-m2"}),
        )
        self.ledger.possible["operation", made["name"].rpartition("/")[2]] = ["UPDATED"]
        state = "CREATING"
        while state != "FAILED":
            with suppress(UnavailableError):
                if state == "READY":
                    await predict(self.client, name)
                    self.predicted.set()
                state = (await self.client.find(f"{ML}/models/{name}/versions/v"))["state"]
            await asyncio.sleep(0.02)

    async def policies(self, number: int) -> None:
        bindings = [{"role": "roles/storage.objectViewer", "members": [ACCOUNT.format(f"{self.run}-{number}")]}]
        await self.ledger.change(
            ("bucket policy", "kept"),
            bindings,
            lambda: self.client.request("PUT", "/storage/v1/b/kept/iam", {"bindings": [*OWNERS, *bindings]}),
        )

    async def change(self, kind: str, name: str, value: Any, verb: str, path: str, body: Any = None) -> Any:
        return await self.ledger.change((kind, name), value, lambda: self.client.request(verb, ML + path, body))


OWNERS = [
    {"role": "roles/storage.legacyBucketOwner", "members": ["projectOwner:local-project"]},
    {
        "role": "roles/storage.admin",
        "members": ["serviceAccount:service-{}@cloud-ml.google.com.iam.gserviceaccount.com"],
    },
]


def _model(name: str, labels: dict[str, str], description: str) -> dict[str, Any]:
    return {"name": name, "labels": labels} | ({"description": description} if description else {})


async def predict(client: Client, model: str) -> None:
    status, content, _ = await client.send("POST", f"{ML}/models/{model}:predict", json={"instances": [1.5]})
    assert (status, json.loads(content)) == (200, {"predictions": [{"y": 3.0}]}), (model, status, content)


async def prepare(client: Client) -> None:
    await client.request("POST", "/storage/v1/b", {"name": "kept"})
    account = (await client.request("GET", f"{ML}:getConfig"))["serviceAccount"]
    OWNERS[1]["members"] = [f"serviceAccount:{account}"]
    await client.request("PUT", "/storage/v1/b/kept/iam", {"bindings": OWNERS})
    await client.put("wait-1-py3-none-any.whl", wheel("wait", TRAINER))
    await client.put("model/saved_model.pb", saved_model())


async def check(ledger: Ledger, client: Client) -> None:
    """Check that what is found is what was accepted, or requested since."""
    for kind, name in list(ledger.possible):
        ledger.compare((kind, name), await _found(client, kind, name))


async def _found(client: Client, kind: str, name: str) -> Any:
    match kind:
        case "object":
            status, content, _ = await client.send("GET", f"/storage/v1/b/kept/o/{name}?alt=media")
            assert status in (200, 404), content
            return content if status == 200 else None
        case "job":
            job = await client.find(f"{ML}/jobs/{name}")
            return job and job.get("labels")
        case "model":
            model = await client.find(f"{ML}/models/{name}")
            return model and (model.get("labels"), model.get("description", ""))
        case "model policy":
            policy = await client.find(f"{ML}/models/{name}:getIamPolicy")
            return policy and policy.get("bindings")
        case "version":
            version = await client.find(f"{ML}/models/{name}")
            assert version is None or version["isDefault"]
            return version and (version.get("labels"), version.get("machineType"))
        case "bucket policy":
            policy = await client.find(f"/storage/v1/b/{name}/iam")
            return [binding for binding in policy["bindings"] if "objectViewer" in binding["role"]] or None
        case "operation":
            return "UPDATED" if await client.find(f"{ML}/operations/{name}") else None
    raise AssertionError(kind)


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(150):
        while not await true():  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.1)


async def check_ends(ledger: Ledger, client: Client) -> None:
    """Check that jobs, versions and operations end, and that versions which are ready predict."""
    names = {kind: [name for of, name in ledger.possible if of == kind] for kind in ("job", "version", "operation")}

    async def jobs_are_final() -> bool:
        jobs = [await client.find(f"{ML}/jobs/{name}") for name in names["job"]]
        ended = [job for job in jobs if job is not None and job["state"] in FINAL]
        for job in ended:
            assert (job["state"] == "FAILED") == bool(LOST.search(job.get("errorMessage", ""))), job
        return len(ended) == len([job for job in jobs if job is not None])

    async def operations_are_done() -> bool:
        return all([(await client.find(f"{ML}/operations/{name}"))["done"] for name in names["operation"]])

    await _until(jobs_are_final)
    await _until(operations_are_done)
    for name in names["version"]:
        version = await client.find(f"{ML}/models/{name}")
        if version is not None and version["state"] == "FAILED":
            assert version["errorMessage"]
        elif version is not None:
            assert version["state"] == "READY"
            await predict(client, name.partition("/")[0])
