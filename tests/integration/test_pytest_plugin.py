"""The fixtures in another project: a separate pytest run."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = '''
import os, subprocess, sys
import pytest, requests
from cloud.emulator.faults import Cut

def buckets():
    """With a client that blocks, in the thread that runs the tests."""
    url = os.environ["STORAGE_EMULATOR_HOST"] + "/storage/v1/b?project=" + os.environ["GOOGLE_CLOUD_PROJECT"]
    return [item["name"] for item in requests.get(url, timeout=20).json()["items"]]

def test_before():
    assert "cloud.server.assembly" not in sys.modules
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in os.environ

def test_blocking(local_cloud):
    local_cloud.run(local_cloud.backend.create_bucket("made-in-a-test"))
    assert buckets() == ["made-in-a-test"]

def test_in_between():
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in os.environ

def test_another_process(local_cloud):
    assert requests.get("https://storage.googleapis.com/storage/v1/b?project=x", timeout=20).status_code == 401
    done = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "https://example.com"],
                          capture_output=True, text=True)
    assert done.stdout == "000"
    assert [refusal.host for refusal in local_cloud.refusals] == ["example.com"]

async def test_async(local_cloud):
    assert [bucket.name for bucket in await local_cloud.backend.list_buckets()] == ["made-in-a-test"]
    with pytest.raises(Exception, match="no job 'nobody'"):
        async for _ in local_cloud.backend.follow_logs("nobody"):
            pass

def test_a_fault_that_does_not_happen(local_cloud):
    local_cloud.faults.add("storage.buckets.list", Cut.BEFORE)

def test_the_next_is_spared(local_cloud):
    assert buckets() == ["made-in-a-test"]

def test_a_trainer_of_ones_own_is_checked_first(run_trainer):
    with pytest.raises(Exception, match="no such folder: nowhere"):
        run_trainer("nowhere", module="mine.task")

def test_a_job_needs_no_grant_on_its_projects_buckets(local_cloud):
    """As at Google; what the job's account may do is asked with its own token, from the metadata server."""
    from cloud.names import GsUri
    local_cloud.run(local_cloud.backend.write_object(GsUri("made-in-a-test", "a.txt"), b"text"))
    metadata = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/token"
    token = requests.get(metadata, headers={"Metadata-Flavor": "Google"}, timeout=20).json()["access_token"]
    url = "https://storage.googleapis.com/storage/v1/b/made-in-a-test/o/a.txt"
    done = requests.get(url, params={"alt": "media"}, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert (done.status_code, done.text) == (200, "text")

def test_docker_stays_the_suites_own(local_cloud):
    assert os.environ["DOCKER_HOST"] == "unix:///of/the/suite"
    assert local_cloud.environ["DOCKER_HOST"] != os.environ["DOCKER_HOST"]

@pytest.fixture(scope="session")
def wide(local_cloud_session):
    return local_cloud_session.project

def test_wide(wide, local_cloud, local_cloud_settings):
    assert wide == local_cloud.project == local_cloud_settings.project == "my-project"
    assert local_cloud.backend.region == "europe-west1"
'''
CONFTEST = """
import pytest
from cloud.settings import LauncherKind, Settings

@pytest.fixture(scope="session")
def local_cloud_settings():
    return Settings(project="my-project", region="europe-west1", launcher=LauncherKind.COLD)
"""
ASYNCIO = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]


def run_pytest(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    plugins = ["-p", "cloud.pytest_plugin", "-p", "pytest_asyncio.plugin"]
    environ = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | more
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-q", "-W", "error", *ASYNCIO, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environ,
        timeout=100,
        check=False,
    )


def test_another_project_has_the_cloud_as_a_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    done = run_pytest(tmp_path, DOCKER_HOST="unix:///of/the/suite")
    assert "11 passed" in done.stdout, done.stdout + done.stderr


def test_a_cloud_that_cannot_start_is_one_error_in_the_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_it(local_cloud): pass\n")
    done = run_pytest(tmp_path, CLOUD_FAKE_GCS_SERVER="no-such-program", CLOUD_LAUNCHER="cold")
    assert done.returncode == 1
    assert "neither a URL nor a program: 'no-such-program'" in done.stdout


def test_the_distribution_registers_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"local_cloud": "cloud.pytest_plugin"}
