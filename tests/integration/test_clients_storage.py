"""Cloud Storage through unmodified clients, in processes that are configured by environment variables only."""

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from cloud.emulator.faults import Cut
from cloud.engine.project.identities import custom_code_agent
from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.serve import LocalCloud
from cloud.settings import IamMode, LauncherKind, ServiceAgents, Settings, inherited_environ
from integration.flaky import FlakyRelay
from programs import run, run_step

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT = "lab-project"
CLIENT = Path(__file__).with_name("storage_client_steps.py")
GSUTIL = os.environ.get("GSUTIL") or shutil.which("gsutil")
SETTINGS = Settings(
    project=PROJECT,
    launcher=LauncherKind.COLD,
    service_agents=ServiceAgents.BARE,
    job_reads=(Path(GSUTIL).parent.parent,) if GSUTIL and Path(GSUTIL).exists() else (),
)
OWNERS = ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "BOTO_CONFIG")

Environ = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(SETTINGS) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Environ:
    """The project's owner, by a service account's key."""
    return inherited_environ() | await cloud.owner_environ() | {"HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture
def over_tls(owner: Environ) -> Environ:
    return {name: value for name, value in owner.items() if name != "STORAGE_EMULATOR_HOST"}


@pytest.fixture
def as_job(owner: Environ) -> Environ:
    """A training job's account, by the metadata server."""
    return {name: value for name, value in owner.items() if name not in OWNERS}


@pytest.fixture(params=["owner", "over_tls"])
def environ(request: pytest.FixtureRequest) -> Environ:
    """The owner's port, and the gateway with TLS."""
    return request.getfixturevalue(request.param)


@pytest_asyncio.fixture(loop_scope="module")
async def account(cloud: LocalCloud) -> str:
    return await cloud.backend.ml_service_account()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A bucket name of this test only."""
    return f"bkt-{abs(hash(request.node.nodeid)):x}"


@pytest_asyncio.fixture(loop_scope="module")
async def bucket(cloud: LocalCloud, name: str) -> str:
    await cloud.backend.create_bucket(name)
    return name


async def step(environ: Environ, which: str, **given: object) -> dict:
    """The results of a step of storage_client_steps.py."""
    return await run_step(environ, CLIENT, which, **given)


# ---------------------------------------------------------------- google-cloud-storage


async def test_google_cloud_storage(environ, name, tmp_path):
    found = await step(environ, "google_cloud_storage", bucket=name, folder=str(tmp_path))
    size = 256 * 6000
    assert found == {
        "bucket": ["EUROPE-WEST1", "NEARLINE", {"team": "taxi"}, True],
        "again": 409,
        "buckets": True,
        "whole": [True, size, "application/x-taxi"],
        "chunked": [True, size, "application/x-taxi"],
        "range": [3, 4, 5, 6],
        "lines": ["ein\n", "zwei ü\n"],
        "listed": ["data/chunked.bin", "data/whole.bin", "dir/", "written/line by line.txt"],
        "folders": [[], ["data/", "dir/", "written/"]],
        "paged": True,
        "globbed": ["data/chunked.bin", "data/whole.bin"],
        "versions": True,
        "composed": ["01", 2, None],
        "rewritten": [None, 2, 2, "01"],
        "copied": "01",
        "renamed": "renamed",
        "patched": [{"clé": "wert"}, 2],
        "preconditions": [412, 412, 412, 304, 412, 412, 412, 412, 412, 412, 412, 412],
        "not found": [404, 404, 404, 404, None],
        "for a page": 200,
        "full": 409,
        "batch patched": [{"in": "a batch"}, {"in": "a batch"}],
        "batch refused": 404,
        "batch deleted": [False, True],
        "gone": 404,
    }


async def test_google_cloud_storage_and_access(environ, name, account):
    assert await step(environ, "google_cloud_storage_access", bucket=name, account=account) == {
        "object": True,
        "public": ["READER"],
        "private": ["OWNER"],
        "legacy": {
            "roles/storage.legacyBucketOwner": [f"projectOwner:{PROJECT}"],
            "roles/storage.legacyBucketReader": [f"serviceAccount:{account}"],
        },
        "stale": 412,
        "permissions": ["storage.buckets.get", "storage.objects.create"],
        "uniform": [True, True, 400, 400, 400],
        "prevented": 412,
    }


async def test_uploads_in_parts_of_the_transfer_manager(environ, bucket, tmp_path):
    assert await step(environ, "transfer_manager", bucket=bucket, folder=str(tmp_path)) == {
        **{way: [True, None, {"key": "v"}, "text/x"] for way in ("processes", "md5", "crc32c")},
        "downloaded": True,
        "too small": "400",
        "many": True,
        "sizes": sum(range(20)),
    }


async def test_an_upload_survives_lost_connections(owner, bucket):
    endpoint = urlsplit(owner["STORAGE_EMULATOR_HOST"])
    # Aborted: in the middle of the first chunk, before any byte of the fourth, in the middle of the sixth.
    async with FlakyRelay(endpoint.hostname, endpoint.port, {0: 900_000, 3: 0, 5: 1_500_000}) as relay:
        environ = owner | {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{relay.port}"}
        found = await step(environ, "upload_and_download", bucket=bucket, size=12 * 2**20, chunk=2**21)
    assert found["same"]
    assert relay.broken == 3
    assert found["md5"]


async def test_an_interrupted_upload_is_resumed_where_it_was(owner, bucket):
    size = 3 * 2**18
    found = await step(owner, "recover_upload", url=owner["STORAGE_EMULATOR_HOST"], bucket=bucket, size=size)
    assert found == {"how far": [0, 2**18, 2**19], "finished": True, "same": True}


# ---------------------------------------------------------------- gcsfs, gcloud-aio-storage, curl


async def test_gcsfs(environ, name, tmp_path):
    found = await step(environ, "gcsfs", bucket=name, folder=str(tmp_path))
    assert found == {
        "sought": True,
        "whole": True,
        "range": "b",
        "ls": [f"{name}/d/a", f"{name}/d/big", f"{name}/d/e"],
        "find": [f"{name}/c ü", f"{name}/d/a", f"{name}/d/big", f"{name}/d/e/b"],
        "glob": [f"{name}/d/big", f"{name}/d/e/b"],
        "du": 1,
        "info": {"name": f"{name}/d/a", "size": 3, "type": "file"},
        "moved": [False, "abc"],
        "got": True,
        "xattr": "wert",
        "joined": "abcb",
        "missing": dict.fromkeys(("cat", "ls", "info"), "FileNotFoundError"),
        "left": [f"{name}/c ü", f"{name}/joined", f"{name}/moved", f"{name}/put/{CLIENT.name}"],
        "gone": False,
    }


PYARROW = {
    "range": "neo",
    "size": 3_000_000,
    "table": True,
    "files": ["d/one", "d/t.parquet", "moved"],
    "none": "NotFound",
}


async def test_pyarrow(over_tls, name):
    assert await step(over_tls, "pyarrow", bucket=name) == PYARROW


async def test_pyarrow_where_answers_are_lost(cloud, owner, name):
    """Its changes have tokens: one that is repeated, because its answer was lost, is made once."""
    changed = ("buckets.insert", "objects.insert", "objects.rewrite", "objects.delete", "buckets.delete")
    faults = [cloud.faults.add(f"storage.{method}", Cut.AFTER) for method in changed]
    environ = owner | {"CLOUD_STORAGE_EMULATOR_ENDPOINT": owner["STORAGE_EMULATOR_HOST"]}
    assert await step(environ, "pyarrow", bucket=name) == PYARROW
    assert [fault.fired for fault in faults] == [1] * len(faults)


async def test_gcloud_aio_storage(owner, bucket):
    stored = ["1048576", {"clé": "wert"}]
    assert await step(owner, "gcloud_aio", bucket=bucket) == {
        "uploaded False": stored,
        "downloaded False": True,
        "uploaded True": stored,
        "downloaded True": True,
        "listed": ["aio/False", "aio/True"],
        "range": [2, 3, 4],
        "joined": "2097152",
        "patched": "no-store",
        "refused": [404, 412],
        "left": [],
    }


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_curl(over_tls, as_job, bucket, tmp_path, scheme):
    token = await run(
        over_tls,
        sys.executable,
        "-c",
        "import google.auth, google.auth.transport.requests as transport\n"
        "credentials, _ = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])\n"
        "credentials.refresh(transport.Request())\nprint(credentials.token, end='')",
    )
    (tmp_path / "taxi.csv").write_bytes(b"1,2,3\n")
    mine = ("-sS", "-H", f"Authorization: Bearer {token}")
    json_api = f"{scheme}://storage.googleapis.com/storage/v1/b/{bucket}/o"
    xml_api = f"{scheme}://{bucket}.storage.googleapis.com"
    upload = f"{scheme}://storage.googleapis.com/upload/storage/v1/b/{bucket}/o?uploadType=media&name=d/taxi.csv"
    made = await run(
        over_tls, "curl", *mine, "--data-binary", f"@{tmp_path}/taxi.csv", "-H", "Content-Type: text/csv", upload
    )
    assert json.loads(made)["size"] == "6"
    assert await run(over_tls, "curl", *mine, f"{json_api}/d%2Ftaxi.csv?alt=media") == "1,2,3\n"
    assert await run(over_tls, "curl", *mine, "-r", "2-3", f"{xml_api}/d/taxi.csv") == "2,"
    assert "<Key>d/taxi.csv</Key>" in await run(over_tls, "curl", *mine, f"{xml_api}/?prefix=d/")
    refused = await run(over_tls, "curl", "-sS", "-w", "%{http_code}", f"{xml_api}/d/taxi.csv")
    assert refused.endswith("403")
    assert "Anonymous caller does not have storage.objects.get access" in refused


# ---------------------------------------------------------------- gsutil


@pytest.fixture
def gsutil(owner: Environ):
    """Runs gsutil; ``tox -e gsutil`` makes its environment, which is separate, because its libraries are older."""
    if GSUTIL is None:
        pytest.skip("needs gsutil: tox -e gsutil, or set GSUTIL to its path")

    assert shutil.which(GSUTIL), f"there is no {GSUTIL}: run tox -e gsutil first"

    async def call(*arguments: str | Path, status: int = 0, given: bytes = b"", environ: Environ = owner) -> str:
        return await run(environ, GSUTIL, *arguments, status=status, given=given)

    return call


async def test_gsutil_moves_data(cloud, gsutil, name, tmp_path):
    folder, url = tmp_path / "d", f"gs://{name}"
    (folder / "sub").mkdir(parents=True)
    for number in range(4):
        (folder / f"f{number}.csv").write_text("x" * number)
    big = folder / "sub" / "big"
    big.write_bytes(os.urandom(10_000_000))

    await gsutil("mb", "-l", "us-central1", url)
    await gsutil("-m", "cp", "-r", folder, url)
    listed = [f"{url}/d/f{number}.csv" for number in range(4)] + [f"{url}/d/sub/big"]
    assert (await gsutil("ls", f"{url}/**")).split() == listed
    assert (await gsutil("ls", "-a", "-r", url)).count("#") == 5
    assert "Location constraint:\t\tUS-CENTRAL1" in await gsutil("ls", "-L", "-b", url)
    assert await gsutil("cat", "-r", "0-1", f"{url}/d/f3.csv") == "xx"
    await gsutil("cp", f"{url}/d/sub/big", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == big.read_bytes()
    # Big files are uploaded as concurrent parts, which are composed.
    await gsutil("-o", "GSUtil:parallel_composite_upload_threshold=1M", "cp", big, f"{url}/parts")
    assert await cloud.backend.read_object(GsUri(name, "parts")) == big.read_bytes()
    await gsutil("cp", "-", f"{url}/piped", given=b"through a pipe")
    assert await cloud.backend.read_object(GsUri(name, "piped")) == b"through a pipe"
    await gsutil("mv", f"{url}/piped", f"{url}/moved")
    await gsutil("compose", f"{url}/moved", f"{url}/moved", f"{url}/twice")
    await gsutil("setmeta", "-h", "x-goog-meta-course:ml", f"{url}/twice")
    assert "course:" in await gsutil("stat", f"{url}/twice")
    (folder / "f0.csv").unlink()
    await gsutil("-m", "rsync", "-r", "-d", folder, f"{url}/d")
    assert await cloud.backend.list_objects(GsUri(name, "d/f0.csv")) == []
    refused = await gsutil("-h", "x-goog-if-generation-match:0", "cp", big, f"{url}/twice", status=1)
    assert "At least one of the pre-conditions you specified did not hold" in refused
    assert "No URLs matched" in await gsutil("rm", f"{url}/nope", status=1)
    assert "not emulated" in await gsutil("requesterpays", "set", "on", url, status=1)
    await gsutil("versioning", "set", "on", url)
    assert "Enabled" in await gsutil("versioning", "get", url)
    await gsutil("-m", "rm", "-r", url)
    assert url not in await gsutil("ls")


async def test_a_job_may_call_gsutil(cloud, gsutil, bucket):
    """As trainers do, by subprocess, confined like every job; gsutil's own environment is one of its ``job_reads``."""
    await gsutil("iam", "ch", f"serviceAccount:{custom_code_agent(PROJECT).email}:objectAdmin", f"gs://{bucket}")
    code = f"""
import subprocess
open("metrics.txt", "w").write("loss 1")
subprocess.run([{GSUTIL!r}, "-q", "cp", "metrics.txt", "gs://{bucket}/out/"], check=True)
print(subprocess.run([{GSUTIL!r}, "cat", "gs://{bucket}/out/metrics.txt"], check=True, stdout=subprocess.PIPE).stdout)
"""
    job = await cloud.backend.submit_job(TrainingSpec("1", (), MODULE, args=(code,), service=Service.VERTEX_AI))
    job = await cloud.backend.wait_for_job(job.job_id, timeout=100)
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert await cloud.backend.read_object(GsUri(bucket, "out/metrics.txt")) == b"loss 1"


async def test_the_labs_three_commands_turn_refusals_into_success(cloud, gsutil, as_job, bucket, account):
    """A job's account may then read existing and later objects, and write. (The contract's tests do this with jobs.)"""
    url = f"gs://{bucket}"

    async def statuses() -> dict:
        return await step(as_job, "access_statuses", bucket=bucket, old="old", new="new", out="out")

    for name in ("old", "new"):
        await cloud.backend.write_object(GsUri(bucket, name), b"here before")
    assert await statuses() == {"old": 403, "new": 403, "out": 403}
    await gsutil("defacl", "ch", "-u", f"{account}:R", url)
    await cloud.backend.write_object(GsUri(bucket, "new"), b"new")
    assert await statuses() == {"old": 403, "new": None, "out": 403}
    await gsutil("-m", "acl", "ch", "-u", f"{account}:R", "-r", url)
    assert await statuses() == {"old": None, "new": None, "out": 403}
    await gsutil("acl", "ch", "-u", f"{account}:W", url)
    assert await statuses() == {"old": None, "new": None, "out": None}


async def test_gsutil_and_policies(cloud, gsutil, as_job, bucket, account, tmp_path):
    url = f"gs://{bucket}"
    await cloud.backend.write_object(GsUri(bucket, "o"), b"x")
    await gsutil("acl", "ch", "-u", f"{account}:W", url)
    policy = json.loads(await gsutil("iam", "get", url))
    role = "roles/storage.legacyBucketWriter"
    assert {"members": [f"serviceAccount:{account}"], "role": role} in policy["bindings"]
    await gsutil("iam", "ch", f"serviceAccount:{account}:objectViewer", url)
    await gsutil("iam", "ch", "-d", f"serviceAccount:{account}:legacyBucketWriter", url)
    assert account not in await gsutil("acl", "get", url)
    assert await step(as_job, "access_statuses", bucket=bucket, old="o", new="nope", out="out") == {
        "old": None,
        "new": 404,
        "out": 403,
    }
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    # With the policy's etag at that time.
    assert "412" in await gsutil("iam", "set", tmp_path / "policy.json", url, status=1)
    await gsutil("iam", "set", "-e", "", tmp_path / "policy.json", url)
    assert "WRITER" in await gsutil("acl", "get", url)
    await gsutil("ubla", "set", "on", url)
    assert "uniform bucket-level access" in await gsutil("acl", "get", url, status=1)


# ---------------------------------------------------------------- modes


async def test_soft_mode_allows_a_job_and_reports_the_missing_permission(caplog):
    async with LocalCloud(replace(SETTINGS, iam=IamMode.SOFT)) as cloud:
        environ = inherited_environ() | await cloud.owner_environ()
        await cloud.backend.create_bucket("soft-1")
        account = await cloud.backend.ml_service_account()
        as_job = {name: value for name, value in environ.items() if name not in OWNERS}
        found = await step(as_job, "access_statuses", bucket="soft-1", old="out", new="nope", out="out")
    assert found == {"old": 404, "new": 404, "out": None}
    violation = f"{account} does not have storage.objects.create on gs://soft-1: strict mode refuses this"
    assert [record.message for record in caplog.records if "does not have" in record.message].count(violation) == 1
