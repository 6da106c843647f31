import pytest

from cloud.emulator.cloudbuild_v1.requests import Origin, accepted
from cloud.errors import InvalidArgument
from emulator_api.image_apis import IMAGE, NUMBER, SOURCE, docker

ORIGIN = Origin("my-project", NUMBER, "us-central1", "id-1")
STEP = docker("build", ".")


def test_defaults_and_built_in_substitutions():
    step = docker("tag", "$BUILD_ID", "$PROJECT_NUMBER-$LOCATION-$SERVICE_ACCOUNT_EMAIL")
    build = accepted({"steps": [step], "status": "SUCCESS", "id": "mine"}, ORIGIN)
    assert build == {
        "steps": [docker("tag", "id-1", build["steps"][0]["args"][2])],
        "timeout": "3600s",
        "queueTtl": "3600s",
        "options": {"logging": "LEGACY"},
        "logsBucket": f"gs://{NUMBER}.cloudbuild-logs.googleusercontent.com",
    }
    assert build["steps"][0]["args"][2].endswith("-compute@developer.gserviceaccount.com")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "build.steps: "),
        ({"steps": [{}]}, "build.steps\\[0\\].name: "),
        ({"steps": [STEP, {**STEP, "waitFor": ["first"]}]}, "build.steps\\[1\\].wait_for: "),
        ({"steps": [{**STEP, "id": "a"}, {**STEP, "id": "a"}]}, "build.steps\\[1\\].id: "),
        ({"steps": [{**STEP, "script": "x"}]}, "build.steps\\[0\\].script: "),
        ({"steps": [{**STEP, "secretEnv": ["x"]}]}, "build.steps\\[0\\].secret_env: "),
        ({"steps": [{**STEP, "timeout": "0s"}]}, "build.steps\\[0\\].timeout: "),
        ({"steps": [STEP], "timeout": "86401s"}, "build.timeout: "),
        ({"steps": [STEP], "images": ["gcr.io/my-project/Upper"]}, "repository name must be lowercase"),
        ({"steps": [STEP], "tags": ["with space"]}, "build.tags: "),
        ({"steps": [STEP], "tags": ["a"] * 65}, "build.tags: "),
        ({"steps": [STEP], "source": {"repoSource": {}}}, "build.source: "),
        ({"steps": [STEP], "source": {"storageSource": {"bucket": "b"}}}, "build.source.storage_source.object: "),
        ({"steps": [STEP], "source": {"storageSource": {"object": "b"}}}, "build.source.storage_source.bucket: "),
        ({"steps": [STEP], "availableSecrets": {"secretManager": [{}]}}, "build.available_secrets: "),
        ({"steps": [STEP], "artifacts": {"objects": {"location": "gs://x"}}}, "build.artifacts: "),
        ({"steps": [STEP], "options": {"pool": {"name": "x"}}}, "build.options.pool: "),
        ({"steps": [STEP], "logsBucket": "gs://X"}, "build.logs_bucket: "),
        ({"steps": [STEP], "serviceAccount": "me@x"}, "build.service_account: "),
        ({"steps": [STEP], "serviceAccount": "projects/p/serviceAccounts/me@x"}, "the build must either"),
    ],
)
def test_what_is_refused(given, why):
    with pytest.raises(InvalidArgument) as refused:
        accepted(given, ORIGIN)
    assert why.replace("\\", "") in str(refused.value)


def test_accounts_and_logs():
    account = {"steps": [STEP], "serviceAccount": "projects/p/serviceAccounts/me@x"}
    assert "logsBucket" not in accepted({**account, "options": {"logging": "CLOUD_LOGGING_ONLY"}}, ORIGIN)
    assert accepted({**account, "logsBucket": "mine"}, ORIGIN)["logsBucket"] == "gs://mine"
    regional = {**account, "options": {"defaultLogsBucketBehavior": "REGIONAL_USER_OWNED_BUCKET"}}
    assert accepted(regional, ORIGIN)["logsBucket"] == "gs://my-project_us-central1_cloudbuild/logs"


def test_variables_of_scripts():
    step = {"name": "docker", "script": "docker build -t $_IMAGE .", "automapSubstitutions": True}
    build = accepted({"source": SOURCE, "steps": [step], "substitutions": {"_IMAGE": IMAGE}}, ORIGIN)
    assert {f"_IMAGE={IMAGE}", "PROJECT_ID=my-project", "BRANCH_NAME="} <= set(build["steps"][0]["env"])
