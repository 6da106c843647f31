"""Invalid input and failures of the machine, for a whole local cloud: errors, and use of disk and memory."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.probes import wheel
from emulator_api.ml_requests import training_job
from full_disk import files_of_at_most
from integration.owner import MB, ML, PROJECT, STORAGE, Owner
from integration.user_environ import user_environ

LOGGING, TOKENS = "logging", "oauth2"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    state = tmp_path_factory.mktemp("days")
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD, state_dir=state, concurrent_jobs=4)) as cloud:
        owner = Owner(cloud)
        owner.open_bucket("days")
        owner.open_bucket("other")
        assert owner.json("POST", ML, f"{PROJECT}/models", {"name": "m"})[0] == 200
        yield owner


# ---------------------------------------------------------------- oversized and malformed requests


TAKES_JSON = [
    ("POST", STORAGE, "/storage/v1/b"),
    ("PUT", STORAGE, "/storage/v1/b/other/iam"),
    ("POST", STORAGE, "/storage/v1/b/other/o/x/compose"),
    ("POST", STORAGE, "/upload/storage/v1/b/other/o?uploadType=resumable&name=x"),
    ("POST", ML, f"{PROJECT}/jobs"),
    ("POST", ML, f"{PROJECT}/models/m:setIamPolicy"),
    ("POST", ML, f"{PROJECT}/models/m:predict"),
    ("POST", LOGGING, "/v2/entries:list"),
    ("POST", TOKENS, "/token"),
]


@pytest.mark.parametrize("target", TAKES_JSON, ids=lambda target: target[2])
def test_twenty_megabytes_of_json_are_refused_at_once(owner: Owner, target: tuple[str, str, str]) -> None:
    owner.check_error(owner.raw(*target, b'{"labels": {"a": "' + bytes(20 * MB) + b'"}}'), 400, 413)
    assert owner.is_healthy()


DEEP = {
    "lists": lambda depth: b"[" * depth + b"]" * depth,
    "objects": lambda depth: b'{"labels":' * depth + b"1" + b"}" * depth,
    "instances": lambda depth: b'{"instances":[' + b"[" * depth + b"1" + b"]" * depth + b"]}",
    "unfinished": lambda depth: b"[" * depth,
}


@pytest.mark.parametrize("depth", [200, 900, 1022, 100_000])
def test_deep_json_is_refused(owner: Owner, depth: int) -> None:
    for target in TAKES_JSON:
        for made in DEEP.values():
            response = owner.raw(*target, made(depth))
            # Cloud Storage ignores unknown fields.
            if response[0] != 200 or target[1] != STORAGE:
                owner.check_error(response, 400)


@pytest.mark.parametrize("depth", [300, 1000, 3000])
def test_deep_queries_are_refused(owner: Owner, depth: int) -> None:
    jobs, objects = f"{PROJECT}/jobs", "/storage/v1/b/days/o"
    for api, query in (
        (ML, f"{jobs}?fields={'a(' * depth}b{')' * depth}"),
        (ML, f"{jobs}?filter={'(' * depth}a{')' * depth}"),
        (ML, f"{jobs}?filter={'NOT%20' * depth}a"),
        (STORAGE, f"{objects}?fields={'a(' * depth}b{')' * depth}"),
        (STORAGE, f"{objects}?matchGlob={'{a,' * depth}b{'}' * depth}"),
    ):
        status, content = owner.raw("GET", api, query)
        assert status in (200, 400), (query[:80], content)


NINES = "9" * 5000


@pytest.mark.parametrize(
    ("verb", "path", "header"),
    [
        ("GET", "/storage/v1/b/days/o/small?alt=media", f"Range: bytes={NINES}-"),
        ("GET", "/days/small", f"x-goog-if-generation-match: {NINES}"),
        ("PUT", "/days/small", f"x-goog-if-generation-match: {NINES}"),
        ("POST", "/upload/storage/v1/b/days/o?uploadType=resumable&name=n", f"X-Upload-Content-Length: {NINES}"),
        ("POST", "/upload/storage/v1/b/days/o?uploadType=resumable&name=n", "X-Upload-Content-Length: " + "9" * 19),
        ("POST", f"/upload/storage/v1/b/days/o?uploadType=resumable&name=n&ifGenerationMatch={'9' * 19}", "X: y"),
        ("GET", f"/storage/v1/b/days/o?maxResults={'9' * 19}", "X: y"),
        ("GET", f"/storage/v1/b/days/o/small?generation={'9' * 19}", "X: y"),
    ],
    ids=lambda value: value[:60],
)
def test_numbers_that_are_too_long_are_not_a_server_error(owner: Owner, verb: str, path: str, header: str) -> None:
    assert owner.put("days", "small", b"small") == 200
    status, content = owner.raw(verb, STORAGE, path, header=header)
    assert status < 500, content


@pytest.mark.parametrize("size", [7_900, 8_300, 60_000])
@pytest.mark.parametrize(
    ("api", "path"), [(ML, f"{PROJECT}/jobs?filter="), (STORAGE, "/storage/v1/b/"), (LOGGING, "/v2/")]
)
def test_a_long_request_line_is_read_to_its_end(owner: Owner, api: str, path: str, size: int) -> None:
    owner.check_error(owner.raw("GET", api, path + "x" * size), 400, 404)


def test_a_long_header_is_accepted(owner: Owner) -> None:
    assert owner.raw("GET", ML, f"{PROJECT}:getConfig", header=f"X-Long: {'x' * 30_000}")[0] == 200


PATHS = """
/.. /../../etc/passwd /%2e%2e/x /bkt/../../etc/passwd /bkt/%2e%2e%2f%2e%2e%2fx /bkt/%00 /%00/x /bkt/%ff%fe /bkt/%
/bkt/%zz // ///bkt//x /bkt// /bkt/ü /bkt/日本 /storage/v1/b/../b /storage/v1/b/%00 /storage/v1/b/days/o/..
/storage/v1/b/days/o/..%2f..%2fetc%2fpasswd /storage/v1/b/days/o/a%00b /storage/v1/b/days/o/%ff /storage/v1/b/bü/o/x
/storage/v1/b/days/o?prefix=%00 /storage/v1/b/days/o?prefix=%ff /storage/v1/b/days/o/x?generation=99999999999999999999
/upload/storage/v1/b/days/o?uploadType=media&name=%00 /upload/storage/v1/b/days/o?uploadType=media&name=%ff
/upload/storage/v1/b/days/o?uploadType=resumable&upload_id=..%2f..%2fformat /v1/projects/.. /v1/projects/%00/jobs
/v1/projects/local-project/jobs/.. /v1/projects/local-project/jobs/%2e%2e /v1/projects/local-project/jobs/a%2fb
/v1/projects/local-project/jobs/%00 /v1/projects/local-project/jobs/%ff /v1/projects/local-project/jobs/ü
/v1/projects/local-project/models/m%2fversions%2fv /v1/projects/local-project/jobs?filter=%00
/v1/projects/local-project/jobs?pageToken=%ff /computeMetadata/v1/../.. /computeMetadata/v1/%00 /v2/%00 /token/.. * ? #
http://[::1/x /[::1
"""


@pytest.mark.parametrize("api", [ML, STORAGE, LOGGING, TOKENS, "www", "days.storage"])
def test_malformed_paths_are_refused(owner: Owner, api: str) -> None:
    for path in PATHS.split():
        for verb in ("GET", "DELETE"):
            status, content = owner.raw(verb, api, path)
            assert status in (400, 401, 403, 404, 405) or (status == 200 and b"root:" not in content), (
                path,
                content,
            )


def test_object_names_with_dots_stay_in_the_bucket(owner: Owner) -> None:
    before = set(owner.cloud.state_dir.parent.iterdir())
    for name in ("..%2f..%2fescaped", "%2fescaped", "a%2f..%2f..%2fescaped"):
        assert owner.put("days", name, b"here") == 200
        assert owner.raw("GET", STORAGE, f"/storage/v1/b/days/o/{name}?alt=media") == (200, b"here")
    assert set(owner.cloud.state_dir.parent.iterdir()) == before
    assert not Path("/escaped").exists()


# ---------------------------------------------------------------- many, slow and concurrent requests


def memory() -> int:
    """Resident memory, in bytes, of this process, in which the cloud runs."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_clients_that_never_read_take_little_memory_and_two_hundred_others_are_served(owner: Owner) -> None:
    assert owner.put("days", "large", bytes(32 * MB)) == 200
    request = b"GET /storage/v1/b/days/o/large?alt=media HTTP/1.1\r\nHost: storage.googleapis.com\r\n\r\n"
    before = memory()
    not_reading = [socket.create_connection(owner.address) for _ in range(20)]
    for connection in not_reading:
        connection.sendall(request)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    others = [socket.create_connection(owner.address, timeout=30) for _ in range(200)]
    for connection in others:
        connection.sendall(request.replace(b"?alt=media", b""))
    for connection in others:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert memory() - before < 200 * MB
    for connection in not_reading + others:
        connection.close()
    assert owner.is_healthy()


def test_of_many_concurrent_jobs_with_one_id_one_is_accepted(owner: Owner) -> None:
    with ThreadPoolExecutor(20) as pool:
        body = training_job("twin", packageUris=["gs://days/none.tar.gz"])
        made = list(pool.map(lambda _: owner.json("POST", ML, f"{PROJECT}/jobs", body), range(20)))
    assert sorted(status for status, _ in made) == [200] + [409] * 19
    assert {response["error"]["status"] for status, response in made if status == 409} == {"ALREADY_EXISTS"}
    listed = owner.json("GET", ML, f"{PROJECT}/jobs?filter=jobId:twin")[1]["jobs"]
    assert [job["jobId"] for job in listed] == ["twin"]


# ---------------------------------------------------------------- packages


def archive(*members: tuple[str, bytes, str, int]) -> bytes:
    """An archive of members (name, kind, link's target, size); files are full of zeros."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, kind, target, size in [("p-1/setup.py", tarfile.REGTYPE, "", 0), *members]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, size
            tar.addfile(info, io.BytesIO(bytes(size)) if kind == tarfile.REGTYPE else None)
    return made.getvalue()


def sparse(size: int) -> bytes:
    """An archive with a sparse file of ``size`` bytes, none of which is stored (GNU's format 1.0 in pax headers)."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("p-1/GNUSparseFile.0/hole")
        table = b"0\n".ljust(512, b"\0")
        info.size = len(table)
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "p-1/hole",
            "GNU.sparse.realsize": str(size),
        }
        tar.addfile(info, io.BytesIO(table))
    return made.getvalue()


def truncated(size: int) -> bytes:
    """An archive with an ordinary file of ``size`` bytes, of which it has only the first."""
    info = tarfile.TarInfo("p-1/zeros")
    info.size = size
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        tar.fileobj.write(info.tobuf() + bytes(MB))  # type: ignore[union-attr]
    return made.getvalue()


def disk_use(folder: Path) -> int:
    used = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):  # a job's folder is removed at its end
                used += (Path(place) / name).lstat().st_blocks * 512
    return used


EVIL = {
    "climbs": (archive(("../../../evil", tarfile.REGTYPE, "", 5)), "leads out of the archive's folder"),
    "absolute": (archive(("/tmp/evil", tarfile.REGTYPE, "", 5)), "leads out of the archive's folder"),  # noqa: S108
    "linked": (archive(("p-1/out", tarfile.SYMTYPE, "../../../..", 0)), "leads out of the archive's folder"),
    "link_bomb": (
        archive(
            ("p-1/data", tarfile.REGTYPE, "", 16 * MB), *((f"p-1/{n}", tarfile.SYMTYPE, "data", 0) for n in range(500))
        ),
        "unpacks to more than",
    ),
    "link_circle": (
        archive(("p-1/a", tarfile.SYMTYPE, "b", 0), ("p-1/b", tarfile.SYMTYPE, "a", 0)),
        "is no file of the archive",
    ),
    "sparse": (sparse(10 * 2**30), "unpacks to more than"),
    "huge": (truncated(10 * 2**30), "unpacks to more than"),
    "no_archive": (b"\x1f\x8b no", "is not a .tar.gz archive"),
}


def test_malicious_packages_fail_their_jobs_and_use_no_disk(owner: Owner) -> None:
    before = disk_use(owner.cloud.state_dir)
    for name, (content, _) in EVIL.items():
        assert owner.put("days", f"{name}.tar.gz", content) == 200
        body = training_job(name, packageUris=[f"gs://days/{name}.tar.gz"])
        assert owner.json("POST", ML, f"{PROJECT}/jobs", body)[0] == 200
    largest = 0
    for name, (_, reason) in EVIL.items():
        for job in owner.poll_until(name, "FAILED"):
            largest = max(largest, disk_use(owner.cloud.state_dir))
            message = job.get("errorMessage", "")
        assert reason in message
    assert largest - before < 200 * MB
    assert disk_use(owner.cloud.state_dir) - before < 10 * MB
    assert list(owner.cloud.state_dir.parent.rglob("evil")) == []


# ---------------------------------------------------------------- changes of the clock


@pytest.mark.parametrize("jump", [-86400 * 400, 86400 * 400])
def test_a_job_continues_when_the_clock_is_changed(owner: Owner, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    name = f"clock_{'back' if jump < 0 else 'ahead'}"
    assert owner.put("days", "wait-1-py3-none-any.whl", wheel("wait", "import signal; signal.pause()")) == 200
    wait = {"packageUris": ["gs://days/wait-1-py3-none-any.whl"], "pythonModule": "wait"}
    body = training_job(name, scheduling={"maxRunningTime": "1000s"}, **wait)
    assert owner.json("POST", ML, f"{PROJECT}/jobs", body)[0] == 200
    list(owner.poll_until(name, "RUNNING"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + jump)
    # A second job needs tokens, packages, processes and timeouts.
    assert owner.json("POST", ML, f"{PROJECT}/jobs", training_job(f"{name}_more", **wait))[0] == 200
    list(owner.poll_until(f"{name}_more", "RUNNING"))
    for started in (name, f"{name}_more"):
        assert owner.json("GET", ML, f"{PROJECT}/jobs/{started}")[1]["state"] == "RUNNING"
        assert owner.json("POST", ML, f"{PROJECT}/jobs/{started}:cancel", {})[0] == 200
        list(owner.poll_until(started, "CANCELLED"))


# ---------------------------------------------------------------- a full disk


def test_requests_are_refused_on_a_full_disk_and_accepted_once_there_is_room(owner: Owner) -> None:
    assert owner.put("days", "small", b"small") == 200
    with files_of_at_most(MB // 2):
        # The upload's bytes are collected in a file, which cannot grow.
        status, content = owner.raw(
            "POST", STORAGE, "/upload/storage/v1/b/days/o?uploadType=media&name=big", bytes(4 * MB)
        )
        owner.check_error((status, content), 429)
        assert b"no room left on the disk" in content
        job = training_job("big", args=["x" * MB, "y" * MB])
        owner.check_error(owner.raw("POST", ML, f"{PROJECT}/jobs", json.dumps(job).encode()), 429)
        assert owner.raw("GET", STORAGE, "/storage/v1/b/days/o/small?alt=media") == (200, b"small")
        assert owner.json("GET", ML, f"{PROJECT}/jobs/big")[0] == 404
    assert owner.json("GET", STORAGE, "/storage/v1/b/days/o/big")[0] == 404
    assert owner.put("days", "big", bytes(4 * MB)) == 200


def test_a_job_ends_on_a_full_disk(owner: Owner) -> None:
    assert owner.put("days", "wait-1-py3-none-any.whl", wheel("wait", "import signal; signal.pause()")) == 200
    body = training_job("waits", packageUris=["gs://days/wait-1-py3-none-any.whl"], pythonModule="wait")
    assert owner.json("POST", ML, f"{PROJECT}/jobs", body)[0] == 200
    list(owner.poll_until("waits", "RUNNING"))
    with files_of_at_most(1):
        assert owner.json("POST", ML, f"{PROJECT}/jobs/waits:cancel", {})[0] == 200
        list(owner.poll_until("waits", "CANCELLED"))
        owner.check_error(owner.raw("POST", ML, f"{PROJECT}/models", b'{"name": "late"}'), 429)
    assert owner.json("POST", ML, f"{PROJECT}/models", {"name": "late"})[0] == 200
    assert owner.json("GET", ML, f"{PROJECT}/jobs/waits")[1]["state"] == "CANCELLED"


def test_a_start_on_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("1\n")
    environ = user_environ()
    for kilobytes in (0, 1):
        done = subprocess.run(
            ["sh", "-c", f'ulimit -f {kilobytes}; exec "$@"', "sh", sys.executable, "-m", "cloud.serve", "--", "true"],
            capture_output=True,
            text=True,
            env=environ | {"PYTHONDONTWRITEBYTECODE": "1", "CLOUD_LAUNCHER": "cold", "CLOUD_STATE": str(tmp_path)},
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
