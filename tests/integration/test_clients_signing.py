"""URLs and forms that Google's clients sign, in processes that are configured by environment variables only."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.engine.project.identities import compute_account, ml_service_account
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, ServiceAgents, Settings, inherited_environ
from integration.owner import STORAGE, Owner

CLIENT = Path(__file__).with_name("signing_steps.py")
PROJECT, BUCKET = "signing-project", "signing-bucket"
NO_KEY = ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST")


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    settings = Settings(project=PROJECT, launcher=LauncherKind.COLD, service_agents=ServiceAgents.BARE)
    with BackgroundCloud(settings) as cloud:
        owner = Owner(cloud)
        assert owner.json("POST", STORAGE, "/storage/v1/b", {"name": BUCKET})[0] == 200
        upload = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=g"
        assert owner.raw("POST", STORAGE, upload, b"hi")[0] == 200
        yield cloud


@pytest.fixture
def environ(cloud: BackgroundCloud) -> dict[str, str]:
    return inherited_environ() | cloud.environ | {"HOME": str(cloud.state_dir)}


def run(environ: dict[str, str], *argv: str | Path) -> str:
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def step(environ: dict[str, str], which: str, **given: Any) -> Any:
    return json.loads(run(environ, sys.executable, CLIENT, which, json.dumps(given)))


def test_a_bare_client_signs_where_the_variable_is_left_out(environ: dict[str, str]) -> None:
    del environ["STORAGE_EMULATOR_HOST"]
    assert step(environ, "bare", bucket=BUCKET) == ["hi", 403]


@pytest.mark.parametrize("without", [[], ["STORAGE_EMULATOR_HOST"]], ids=["the owner's address", "the gateway"])
def test_with_the_owners_key(environ: dict[str, str], without: list[str]) -> None:
    chosen = {name: value for name, value in environ.items() if name not in without}
    assert step(chosen, "by_key", bucket=BUCKET) == {
        "blob": ["", "v2", "v2", "v2"] * 2 + ["", "v4", "v4", "v4"] * 2,
        "refused": [403] * 4,
        "virtual host": "v4",
        "resumable": [201, 200],
        "resumed": "late",
        "form": 204,
        "formed": "formed",
    }


def test_without_a_key_iam_signs_and_the_signers_grants_count(cloud: BackgroundCloud, environ: dict[str, str]) -> None:
    chosen = {name: value for name, value in environ.items() if name not in NO_KEY}
    agent = ml_service_account(PROJECT).email
    assert step(chosen, "by_sign_blob", bucket=BUCKET, write=True) == {"signer": agent, "v2": 403, "v4": 403}
    policy = {"bindings": [{"role": "roles/storage.objectAdmin", "members": [f"serviceAccount:{agent}"]}]}
    assert Owner(cloud).json("PUT", STORAGE, f"/storage/v1/b/{BUCKET}/iam", policy)[0] == 200
    assert step(chosen, "by_sign_blob", bucket=BUCKET, write=True) == {"signer": agent, "v2": 200, "v4": 200}
    assert step(chosen, "by_sign_blob", bucket=BUCKET, write=False) == {"signer": agent, "v2": 200, "v4": 200}


def test_what_a_deleted_account_has_signed_is_void_for_a_later_one_of_its_name_too(
    cloud: BackgroundCloud, environ: dict[str, str]
) -> None:
    owner, accounts = Owner(cloud), f"/v1/projects/{PROJECT}/serviceAccounts"
    email = f"short-lived@{PROJECT}.iam.gserviceaccount.com"
    made = {"accountId": "short-lived"}
    assert owner.json("POST", "iam", accounts, made)[0] == 200
    url = step(environ, "as_another", bucket=BUCKET, email=email)
    assert run(environ, "curl", "-s", url).count(f"{email} does not have storage.objects.get access") == 1
    assert owner.json("DELETE", "iam", f"{accounts}/{email}")[0] == 200
    for _ in range(2):
        assert "<Code>SignatureDoesNotMatch</Code>" in run(environ, "curl", "-s", url)
        assert owner.json("POST", "iam", accounts, made)[0] in (200, 409)


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_gcloud_signs_with_the_owners_account_and_as_another(environ: dict[str, str]) -> None:
    account = compute_account(PROJECT).email
    grant = ["--role=roles/storage.admin", f"--member=serviceAccount:{account}"]
    run(environ, "gcloud", "storage", "buckets", "add-iam-policy-binding", f"gs://{BUCKET}", *grant)
    for how in ("", f"--impersonate-service-account={account}"):
        flags = [*filter(None, [how]), "--duration=10m", "--format=value(signed_url)"]
        url = run(environ, "gcloud", "storage", "sign-url", f"gs://{BUCKET}/g", *flags).strip()
        assert run(environ, "curl", "-s", url) == "hi"


@pytest.mark.skipif(shutil.which("gsutil") is None, reason="gsutil is not installed")
def test_gsutil_signs_with_a_key(environ: dict[str, str]) -> None:
    key = environ["GOOGLE_APPLICATION_CREDENTIALS"]
    signed = run(environ, "gsutil", "signurl", "-d", "10m", key, f"gs://{BUCKET}/g")
    assert run(environ, "curl", "-s", signed.split()[-1]) == "hi"
