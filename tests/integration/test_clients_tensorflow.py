"""TensorFlow's own ``gs://`` file system, unmodified, against gateway, emulator and fake-gcs-server.

TensorFlow runs once, in a process with a job's environment only. It reports the result and duration of each step, which
the tests check.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cloud.emulator.app import Emulator
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.storage_v1.routes import StorageV1
from cloud.engine.principal import Principal
from cloud.engine.project.identities import ml_service_account, owner, project_number
from cloud.engine.storage.service import StorageService
from cloud.gateway.environ import client_environ
from cloud.gateway.tunnel import Gateway
from cloud.settings import inherited_environ

PROJECT = "my-project"
ACCOUNT = ml_service_account(PROJECT).email
OPEN, CLOSED, STATUS = "open-bucket", "closed-bucket", "status-"

pytestmark = pytest.mark.timeout(300)


class WithStatuses:
    """Storage, except for buckets named ``status-NNN``, where every request gets that status."""

    def __init__(self, storage: StorageV1) -> None:
        self._storage = storage
        self.requests: Counter[int] = Counter()

    async def handle(self, request: web.Request, principal: Principal, /) -> web.StreamResponse:
        if found := re.search(rf"/{STATUS}(\d+)(/|$)", request.path):
            self.requests[int(found[1])] += 1
            return web.json_response(
                {"error": {"code": int(found[1]), "message": "for the test"}}, status=int(found[1])
            )
        return await self._storage.handle(request, principal)


async def run_tensorflow(folder: Path) -> dict[str, Any]:
    service = StorageService(folder / "state", project_number=project_number(PROJECT))
    await service.start()
    tokens = TokenRegistry()
    keys = KeyRing()
    storage = WithStatuses(StorageV1(service, keys.signer))
    emulator = Emulator(PROJECT, "us-central1", storage, tokens, keys)
    gateway = Gateway(emulator, folder / "ca")
    await gateway.start()
    try:
        await _prepare(gateway.url, tokens)
        environ = client_environ(
            proxy_url=gateway.url, ca_file=gateway.ca_file, metadata_host=gateway.address, project=PROJECT
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("tensorflow_steps.py")),
            f"gs://{OPEN}",
            f"gs://{CLOSED}",
            STATUS,
            str(folder / "report.json"),
            env={
                **inherited_environ(),
                **environ,
                "HOME": str(folder),
                "CUDA_VISIBLE_DEVICES": "",
                "TF_CPP_MIN_LOG_LEVEL": "2",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    finally:
        await gateway.close()
        await emulator.close()
        await service.close()
    assert process.returncode == 0, output.decode()
    report = json.loads((folder / "report.json").read_text())
    report["refusals"] = gateway.refusals
    report["requests"] = storage.requests
    return report


async def _prepare(url: str, tokens: TokenRegistry) -> None:
    """Create two buckets; the ML service account has the lab's three grants on one of them."""
    headers = {"Authorization": f"Bearer {tokens.issue(owner(PROJECT)).value}"}
    async with aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as client:
        for bucket in (OPEN, CLOSED):
            await client.post("/storage/v1/b", params={"project": PROJECT}, json={"name": bucket})
        await client.post(f"/upload/storage/v1/b/{CLOSED}/o?uploadType=media&name=secret.txt", data=b"secret")
        entity = f"user-{ACCOUNT}"
        await client.post(f"/storage/v1/b/{OPEN}/acl", json={"entity": entity, "role": "WRITER"})
        await client.post(f"/storage/v1/b/{OPEN}/defaultObjectAcl", json={"entity": entity, "role": "READER"})


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return asyncio.run(run_tensorflow(tmp_path_factory.mktemp("tensorflow")))


# ---------------------------------------------------------------- successful operations


@pytest.mark.parametrize(
    ("step", "value"),
    [
        ("write_and_read", ["one\ntwo\n", ""]),
        ("odd_names", [True] * 4),
        ("seek_and_tell", ["two", 7, 8]),
        ("append", "first\nsecond\n"),
        ("many_small_files", [str(number) for number in range(20)]),
        ("glob", [[f"gs://{OPEN}/parts/train-0.csv", f"gs://{OPEN}/parts/train-1.csv"], []]),
        ("rename_copy_remove", [["c", "d", "moved/"], ["c"]]),
        ("text_line_dataset", ["1,2", "3,4", "5,6"]),
        ("export_and_load", [[2.0]]),
        ("keras_save_and_load", [[3.0]]),
        ("summaries", [0, 1, 2]),
        ("checkpoint_manager", [3, ["ckpt-2", "ckpt-3"]]),
    ],
)
def test_what_a_trainer_does_works(report, step, value):
    assert report[step].get("value") == value, report[step]


def test_folders_look_like_folders(report):
    found = report["folders"]["value"]
    assert found["isdir"] == [True, True, False, False]
    assert found["exists"] == [True, True, False]
    assert found["listdir"] == [["train-0.csv", "train-1.csv", "valid-0.csv"], ["inner/"]]
    assert found["walk"] == [[f"gs://{OPEN}/parts", [], ["train-0.csv", "train-1.csv", "valid-0.csv"]]]
    assert found["size"] == 8
    assert 0 <= found["age"] < 120


def test_a_large_file_round_trips(report):
    assert report["large_file"]["value"]["same"] is True


def test_training_resumes_from_a_backup_in_the_bucket(report):
    found = report["callbacks"].get("value")
    assert found is not None, report["callbacks"]
    assert found["epochs after resuming"][-1] == 3
    assert 0 < len(found["epochs after resuming"]) < 4
    assert (found["weights"], found["events"]) == (True, 2)


# ---------------------------------------------------------------- errors, and how soon they come


@pytest.mark.parametrize(
    ("step", "permission"),
    [
        ("read_without_grant", "storage.objects.get"),
        ("write_without_grant", "storage.objects.create"),
        ("list_without_grant", "storage.objects.list"),
    ],
)
def test_without_a_grant_the_error_names_the_account_and_the_permission(report, step, permission):
    assert report[step]["error"] == "PermissionDeniedError"
    assert f"{ACCOUNT} does not have {permission} access" in report[step]["text"]
    assert report[step]["seconds"] < 5


@pytest.mark.parametrize("step", ["missing_object", "missing_bucket"])
def test_missing_objects_and_buckets_are_not_found(report, step):
    assert report[step]["error"] == "NotFoundError"
    assert report[step]["seconds"] < 5


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "InvalidArgumentError"),
        (401, "PermissionDeniedError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (412, "FailedPreconditionError"),
    ],
)
def test_permanent_errors_are_not_retried(report, status, error):
    outcomes = [report[f"{verb} {status}"] for verb in ("read", "write", "list")]
    assert [outcome["error"] for outcome in outcomes] == [error] * 3
    assert report["requests"][status] <= 6
    assert max(outcome["seconds"] for outcome in outcomes) < 5


@pytest.mark.parametrize("step", ["read 429", "read 500", "read 503", "write 503", "list 503"])
def test_transient_errors_are_retried_for_some_seconds(report, step):
    assert report[step]["error"] == "AbortedError"
    assert "All 3 retry attempts failed" in report[step]["text"]
    assert report[step]["seconds"] < 20


def test_transient_errors_are_retried_three_times(report):
    assert report["requests"][429] == report["requests"][500] == 4


def test_tensorflow_connects_to_google_only(report):
    assert report["refusals"] == []
