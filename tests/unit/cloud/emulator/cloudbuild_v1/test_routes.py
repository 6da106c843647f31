import base64
import io
import tarfile
import zipfile

import pytest

from cloud.emulator.cloudbuild_v1.routes import CloudBuildV1
from cloud.names import GsUri
from emulator_api.api_client import SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.image_apis import IMAGE, NUMBER, SOURCE, BuildApi, docker

BUILDS = "/locations/us-central1/builds"
ONE_STEP = {"source": SOURCE, "steps": [docker("build", "-t", IMAGE, ".")], "images": [IMAGE]}


@pytest.fixture
async def api(tmp_path):
    made = BuildApi(memory_backend(), tmp_path)
    await made.backend.create_bucket("bucket") if not await made.backend.bucket_exists("bucket") else None
    await made.store({"Dockerfile": "FROM python:3.10\n", "slow/Dockerfile": "FROM python:3.10\n"})
    made.own_registry().repositories.create("us-central1", "mine", {})
    yield made
    await made.close()


async def test_a_build_is_queued_runs_and_pushes_its_images(api):
    begun = await api.ask("POST", BUILDS, ONE_STEP)
    queued = begun["metadata"]["build"]
    assert queued["status"] == "QUEUED"
    assert queued["name"] == f"projects/{NUMBER}/locations/us-central1/builds/{queued['id']}"
    assert queued["logsBucket"] == f"gs://{NUMBER}.cloudbuild-logs.googleusercontent.com"
    assert queued["logUrl"].endswith(f"builds;region=us-central1/{queued['id']}?project={NUMBER}")
    built = await api.ended(queued)
    assert (built["status"], built["timeout"], built["options"]) == ("SUCCESS", "3600s", {"logging": "LEGACY"})
    assert list(built["timing"]) == ["FETCHSOURCE", "BUILD", "PUSH"]
    image = api.images.find(IMAGE)
    assert [(one["name"], one["digest"]) for one in built["results"]["images"]] == [(IMAGE, image.digest)]
    assert built["steps"][0]["status"] == "SUCCESS"
    assert built["sourceProvenance"]["resolvedStorageSource"]["object"] == "source.tgz"
    operation = (await api.send("GET", f"/v1/{begun['name']}")).json
    assert operation["done"]
    assert {name: value for name, value in operation["response"].items() if name != "@type"} == built
    log = api.log(built)
    assert log.startswith(
        f'starting build "{built["id"]}"\n\nFETCHSOURCE\nFetching storage object: gs://bucket/source.tgz'
    )
    assert "\nBUILD\nAlready have image (with digest): gcr.io/cloud-builders/docker\n" in log
    assert f"\nPUSH\nPushing {IMAGE}\nThe push refers to repository [{IMAGE}]\nlatest: digest: {image.digest}" in log
    assert log.endswith("\nDONE\n")


async def test_the_older_methods_are_those_of_no_region(api):
    begun = await api.ask("POST", "/builds", ONE_STEP)
    build = begun["metadata"]["build"]
    assert begun["name"] == f"operations/build/my-project/{base64.b64encode(build['id'].encode()).decode()}"
    assert "/locations/global/" in build["name"]
    ended = await api.ended(build)
    assert await api.ask("GET", f"/builds/{build['id']}") == ended
    assert (await api.ask("GET", "/builds"))["builds"] == [ended]
    assert (await api.ask("GET", "/locations/global/builds?filter=status=SUCCESS"))["builds"] == [ended]
    assert await api.ask("GET", BUILDS) == {}
    assert (await api.send("GET", f"/v1/{begun['name']}")).json["response"]["id"] == build["id"]


async def test_the_lines_of_several_steps_say_whose_they_are(api):
    steps = [docker("build", "-t", IMAGE, "."), docker("push", IMAGE, id="send")]
    built = await api.build({"source": SOURCE, "steps": steps})
    assert built["status"] == "SUCCESS"
    assert "results" not in built
    log = api.log(built)
    assert "\nStarting Step #0\nStep #0: Already have image" in log
    assert '\nFinished Step #0\nStarting Step #1 - "send"\nStep #1 - "send": Already' in log
    assert api.images.find(f"{IMAGE}:latest")


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"name": "gcr.io/cloud-builders/gsutil"}, "the builder 'gcr.io/cloud-builders/gsutil' is not run here"),
        (docker("run", "python"), "'docker run python' is not run here: of docker only build, tag, push and pull are."),
        (docker("build", "."), "unable to evaluate symlinks in Dockerfile path"),
        (docker("build", "-t", "x", "bad"), "Dockerfile line 1: "),
        (docker("build", ".."), "'..' is outside of /workspace"),
        (docker("push", IMAGE), f"An image does not exist locally with the tag: {IMAGE}"),
        (docker("pull", IMAGE), f"manifest for {IMAGE}:latest not found"),
        (
            docker("-c", "docker build . | cat", entrypoint="bash"),
            "'docker build . | cat' is not run here: of the shell",
        ),
        (docker("-c", "curl x", entrypoint="bash"), "the command 'curl' is not run here"),
        (docker(entrypoint="python"), "the entry point 'python' of gcr.io/cloud-builders/docker is not run here"),
    ],
)
async def test_a_step_that_fails(api, step, why):
    await api.store({"bad/Dockerfile": "RUN x\n"})
    built = await api.build({"source": SOURCE, "steps": [docker("pull", "python:3.10"), step]})
    assert built["status"] == "FAILURE"
    assert built["statusDetail"].startswith("Step #1: ")
    assert why in built["statusDetail"]
    failed = f'build step 1 "{step["name"]}" failed: step exited with non-zero status: 1'
    assert built["failureInfo"] == {"type": "USER_BUILD_STEP", "detail": f"Build step failure: {failed}"}
    assert api.log(built).endswith(f"\nERROR\nERROR: {failed}\n")
    assert f"Step #1: {why}" in api.log(built).replace("Error response from daemon: ", "")
    operation = await api.ask("GET", f"/locations/global/operations/{base64.b64encode(built['id'].encode()).decode()}")
    assert operation["error"] == {"code": 2, "message": built["statusDetail"]}


@pytest.mark.parametrize(
    ("image", "kind", "why"),
    [
        (IMAGE.replace("mine", "other"), "PUSH_FAILED", 'name unknown: Repository "other" not found'),
        (IMAGE.replace("my-project", "your-project"), "PUSH_NOT_AUTHORIZED", "denied: Permission"),
        ("docker.io/me/trainer", "PUSH_NOT_AUTHORIZED", "denied: requested access to the resource is denied"),
    ],
)
async def test_a_push_to_where_nothing_can_be(api, image, kind, why):
    built = await api.build({"source": SOURCE, "steps": [docker("build", "-t", image, ".")], "images": [image]})
    assert (built["status"], built["failureInfo"]["type"]) == ("FAILURE", kind)
    assert why in built["statusDetail"]
    assert why in api.log(built)


async def test_images_of_gcr_io_need_no_repository(api):
    image = "gcr.io/my-project/trainer:v1"
    built = await api.build({"source": SOURCE, "steps": [docker("build", "-t", image, ".")], "images": [image]})
    assert built["status"] == "SUCCESS"
    assert [each.id for each in api.own_registry().repositories.all("us")] == ["gcr.io"]


async def test_a_build_is_cancelled(api):
    begun = await api.ask("POST", BUILDS, {"source": SOURCE, "steps": [docker("build", "slow")]})
    await api.builder.began.wait()
    path = f"{BUILDS}/{begun['metadata']['build']['id']}"
    cancelled = await api.ask("POST", f"{path}:cancel", {})
    assert (cancelled["status"], "finishTime" in cancelled) == ("CANCELLED", True)
    assert await api.ask("GET", path) == cancelled
    assert (await api.refusal("POST", f"{path}:cancel", {}))["status"] == "FAILED_PRECONDITION"
    assert api.log(cancelled).endswith("CANCELLED\nERROR: context canceled\n")


async def test_a_build_that_takes_too_long(api):
    built = await api.build({"source": SOURCE, "steps": [docker("build", "slow")], "timeout": "0.05s"})
    assert (built["status"], built["timeout"]) == ("TIMEOUT", "0.050s")
    assert api.log(built).endswith("TIMEOUT\nERROR: context deadline exceeded\n")


async def test_a_step_that_takes_too_long(api):
    built = await api.build({"source": SOURCE, "steps": [docker("build", "slow", timeout="0.05s")]})
    assert built["status"] == "FAILURE"
    assert "the step did not end within its timeout of 0.050s" in built["statusDetail"]


async def test_a_queued_build_is_cancelled(api):
    slow = {"source": SOURCE, "steps": [docker("build", "slow")]}
    begun = [(await api.ask("POST", BUILDS, slow))["metadata"]["build"] for _ in range(3)]
    last = await api.ask("POST", f"{BUILDS}/{begun[2]['id']}:cancel", {})
    assert (last["status"], "startTime" in last) == ("CANCELLED", False)
    operation = await api.ask(
        "GET", f"/locations/us-central1/operations/{base64.b64encode(last['id'].encode()).decode()}"
    )
    assert operation["error"]["code"] == 1
    running = base64.b64encode(begun[0]["id"].encode()).decode()
    assert await api.ask("POST", f"/locations/us-central1/operations/{running}:cancel", {}) == {}
    assert (await api.ended(begun[0]))["status"] == "CANCELLED"


async def test_enums_by_number_as_googles_python_client_asks_for_them(api):
    numbers = "?$alt=json;enum-encoding=int"
    options = {"machineType": 11, "logging": 5}
    begun = await api.ask("POST", f"{BUILDS}{numbers}", {**ONE_STEP, "options": options})
    build = begun["metadata"]["build"]
    assert (build["status"], build["options"]) == (1, options)
    await api.ended(build)
    assert (await api.ask("GET", f"{BUILDS}/{build['id']}{numbers}"))["status"] == 3


async def test_two_builds_run_at_once_and_the_third_waits(api):
    slow = {"source": SOURCE, "steps": [docker("build", "slow")]}
    begun = [(await api.ask("POST", BUILDS, slow))["metadata"]["build"] for _ in range(3)]
    await api.builder.began.wait()
    expired = await api.build({**slow, "queueTtl": "0.05s"})
    assert expired["status"] == "EXPIRED"
    states = [(await api.ask("GET", f"{BUILDS}/{build['id']}"))["status"] for build in begun]
    assert states == ["WORKING", "WORKING", "QUEUED"]
    assert len((await api.ask("GET", f"{BUILDS}?filter=status%3DQUEUED"))["builds"]) == 1
    api.builder.waiting.set()
    assert [(await api.ended(build))["status"] for build in begun] == ["SUCCESS"] * 3


async def test_a_build_that_was_under_way_when_the_cloud_was_killed(api):
    begun = await api.ask("POST", BUILDS, {"source": SOURCE, "steps": [docker("build", "slow")]})
    await api.builder.began.wait()
    api.restart()
    found = await api.ask("GET", f"{BUILDS}/{begun['metadata']['build']['id']}")
    assert found["status"] == "INTERNAL_ERROR"
    assert found["statusDetail"] == "The cloud was stopped while the build was under way: submit it again."
    assert found["statusDetail"] in api.log(found)


async def test_the_log_goes_to_the_bucket_that_is_named(api):
    built = await api.build({**ONE_STEP, "logsBucket": "gs://bucket/logs"})
    stored = await api.backend.read_object(GsUri("bucket", f"logs/log-{built['id']}.txt"))
    assert stored.decode() == api.log(built)
    refused = await api.refusal("POST", BUILDS, {**ONE_STEP, "logsBucket": "no-such-bucket"})
    assert "build.logs_bucket" in refused["message"]
    options = {"defaultLogsBucketBehavior": "REGIONAL_USER_OWNED_BUCKET"}
    built = await api.build({**ONE_STEP, "options": options}, "us-central1")
    assert built["logsBucket"] == "gs://my-project_us-central1_cloudbuild/logs"
    uri = GsUri("my-project_us-central1_cloudbuild", f"logs/log-{built['id']}.txt")
    assert (await api.backend.read_object(uri)).decode().endswith("DONE\n")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"bucket": "bucket", "object": "none.tgz"}, "there is no object gs://bucket/none.tgz"),
        ({"bucket": "bucket", "object": "source.tgz", "generation": "7"}, "not 7"),
        ({"bucket": "bucket", "object": "export/saved_model.pb"}, "is not a .tar.gz archive that can be read"),
    ],
)
async def test_a_source_that_is_none(api, source, why):
    built = await api.build({"source": {"storageSource": source}, "steps": [docker("pull", "python")]})
    assert (built["status"], built["failureInfo"]["type"]) == ("FAILURE", "FETCH_SOURCE_FAILED")
    assert why in built["statusDetail"]
    assert why in api.log(built)


async def test_links_in_the_source(api):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, target in (("copy", "app/a"), ("app/out", "/etc/passwd"), ("app/up", "../../x"), ("folder", "app")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, text in (("app/a", b"1"), ("Dockerfile", b"FROM python:3.10\nCOPY . /code\n")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    await api.backend.write_object(GsUri("bucket", "source.tgz"), content.getvalue())
    built = await api.build(ONE_STEP)
    assert built["status"] == "SUCCESS"
    left_out = "Symbolic links that lead to no file of the source are left out: app/out, app/up, folder\n"
    assert left_out in api.log(built)
    code = api.images.files(api.images.find(IMAGE)) / "code"
    assert (code / "copy").read_text() == "1"
    assert [path.name for path in (code / "app").iterdir()] == ["a"]


async def test_a_source_in_a_zip_archive(api):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app/Dockerfile", "FROM python:3.10")
    await api.backend.write_object(GsUri("bucket", "source.zip"), content.getvalue())
    source = {"storageSource": {"bucket": "bucket", "object": "source.zip"}}
    assert (await api.build({"source": source, "steps": [docker("build", "app")]}))["status"] == "SUCCESS"


async def test_what_is_refused(api):
    path = f"{BUILDS}/00000000-0000-0000-0000-000000000000"
    assert (await api.refusal("GET", path))["status"] == "NOT_FOUND"
    assert "submit the build again" in (await api.refusal("POST", f"{path}:retry", {}))["message"]
    assert (await api.refusal("GET", "/locations/moon/builds"))["status"] == "INVALID_ARGUMENT"
    assert (await api.refusal("GET", BUILDS, principal=SOMEBODY))["status"] == "PERMISSION_DENIED"
    triggers = await api.refusal("GET", "/locations/global/triggers")
    assert "There are no triggers here" in triggers["message"]
    other = await api.send("GET", "/v1/projects/your-project/builds")
    assert other.status == 403
    for name in ("operations/build/your-project/eA==", "operations/x", "operations/build/my-project/!"):
        assert (await api.send("GET", f"/v1/{name}")).status in (403, 404)


async def test_the_methods_are_googles(api):
    assert {route.method_id for route in CloudBuildV1.routes(api.emulated)} <= set(api.document().methods)
