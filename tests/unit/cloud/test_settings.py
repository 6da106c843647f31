"""Settings come from ``CLOUD_*`` variables; the error for an illegal value names its variable."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from cloud.errors import InvalidArgument
from cloud.settings import IamMode, LauncherKind, RuntimeMode, ServiceAgents, Settings, user_runtime_folders


def test_unset_variables_have_their_defaults() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings.from_environ({"CLOUD_REGION": ""}) == Settings()


def test_every_variable_is_read() -> None:
    settings = Settings.from_environ(
        {
            "CLOUD_PROJECT": "my-project",
            "CLOUD_REGION": "europe-west1",
            "CLOUD_STATE": "/some/where",
            "CLOUD_LAUNCHER": "cold",
            "CLOUD_CONCURRENT_JOBS": "3",
            "CLOUD_CANCEL_GRACE_SECONDS": "0.5",
            "CLOUD_IAM": "soft",
            "CLOUD_SERVICE_AGENTS": "bare",
            "CLOUD_RUNTIME": "match",
            "CLOUD_PUBLIC": "tensorflow=/data/tf:gs://cloud-samples-data/=samples",
            "CLOUD_JOB_SLOTS": "/run/slots",
            "CLOUD_WORKER_IDLE_SECONDS": "60",
            "CLOUD_JOB_LOG_BYTES": "1000",
            "CLOUD_JOB_DISK_BYTES": "2000",
            "CLOUD_DISK_RESERVE_BYTES": "3000",
            "CLOUD_JOB_PROCESSES": "40",
            "CLOUD_JOB_FILES": "50",
            "CLOUD_FAKE_GCS_SERVER": "http://127.0.0.1:4443",
        }
    )
    assert settings == Settings(
        project="my-project",
        region="europe-west1",
        state_dir=Path("/some/where"),
        launcher=LauncherKind.COLD,
        concurrent_jobs=3,
        job_slots=Path("/run/slots"),
        worker_idle_seconds=60.0,
        cancel_grace_seconds=0.5,
        iam=IamMode.SOFT,
        service_agents=ServiceAgents.BARE,
        runtime=RuntimeMode.MATCH,
        public=(("tensorflow", Path("/data/tf")), ("cloud-samples-data", Path("samples"))),
        job_log_bytes=1000,
        job_disk_bytes=2000,
        disk_reserve_bytes=3000,
        job_processes=40,
        job_files=50,
        fake_gcs_server="http://127.0.0.1:4443",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tensorflow", "CLOUD_PUBLIC: BUCKET=FOLDER, not 'tensorflow'"),
        ("=/data", "CLOUD_PUBLIC: BUCKET=FOLDER, not '=/data'"),
        ("No_Bucket=/data", "CLOUD_PUBLIC: Invalid bucket name 'No_Bucket'"),
        ("tensorflow=/a:tensorflow=/b", "CLOUD_PUBLIC: bucket tensorflow is given twice"),
    ],
)
def test_a_wrong_public_bucket_is_named(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Settings.from_environ({"CLOUD_PUBLIC": text})


def test_the_error_names_the_legal_values() -> None:
    for name, message in {"CLOUD_IAM": "one of strict, soft, off, not 'x'", "CLOUD_PORT": "a number, not 'x'"}.items():
        with pytest.raises(InvalidArgument, match=message):
            Settings.from_environ({name: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLOUD_CONCURRENT_JOBS", "many"),
        ("CLOUD_CONCURRENT_JOBS", "0"),
        ("CLOUD_JOB_LOG_BYTES", "0"),
        ("CLOUD_JOB_FILES", "-1"),
        ("CLOUD_LAUNCHER", "lukewarm"),
        ("CLOUD_RUNTIME", "newest"),
        ("CLOUD_SERVICE_AGENTS", "all"),
        ("CLOUD_CANCEL_GRACE_SECONDS", "-1"),
    ],
)
def test_an_illegal_value_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=value) as caught:
        Settings.from_environ({name: value})
    assert caught.value.field == name


def runtime_folders(monkeypatch: pytest.MonkeyPatch, **environ: str) -> list[str]:
    for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", "/scratch")
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(nodename="box"))
    return [f"{each.variable}:{each.path}" for each in user_runtime_folders()]


def test_the_candidates_for_the_runtime_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = [":/run/user/1000/offline-ml-cloud", ":/home/me/.cache/offline-ml-cloud/box"]
    last = ":/scratch/offline-ml-cloud-1000"
    assert runtime_folders(monkeypatch, HOME="/home/me") == [*usual, last]
    session = {"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1000"}
    assert runtime_folders(monkeypatch, **session) == [f"XDG_RUNTIME_DIR{usual[0]}", usual[1], last]
    chosen = {"HOME": "/home/me", "XDG_RUNTIME_DIR": "/mine", "XDG_CACHE_HOME": "/cache"}
    assert runtime_folders(monkeypatch, **chosen) == [
        "XDG_RUNTIME_DIR:/mine/offline-ml-cloud",
        usual[0],
        ":/cache/offline-ml-cloud/box",
        last,
    ]
