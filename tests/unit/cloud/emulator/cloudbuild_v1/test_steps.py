"""Scripts around docker, as cloudbuild.yaml files of training samples have them."""

import pytest

from emulator_api.backends import memory_backend
from emulator_api.image_apis import IMAGE, SOURCE, BuildApi, docker


@pytest.fixture
async def api(tmp_path):
    made = BuildApi(memory_backend(), tmp_path)
    await made.store({"app/Dockerfile": "FROM python:3.10\n", "app/train.py": "", "other.dockerfile": "FROM debian\n"})
    made.own_registry().repositories.create("us-central1", "mine", {})
    yield made
    await made.close()


async def run(api, *steps, **build):
    return await api.build({"source": SOURCE, "steps": list(steps), **build})


def bash(script, *flags, **step):
    return docker(*flags, "-c", script, entrypoint="bash", **step)


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (bash(f"docker pull {IMAGE} || exit 0"), "SUCCESS"),
        (bash(f"docker pull {IMAGE} || exit 3"), "FAILURE"),
        (bash(f"docker pull {IMAGE}; true"), "SUCCESS"),
        (bash(f"docker pull {IMAGE}; true", "-e"), "FAILURE"),
        (bash(f"set -ex\ndocker pull {IMAGE}\ntrue"), "FAILURE"),
        (bash(f"set -e; docker pull {IMAGE} || true; echo done"), "SUCCESS"),
        (bash("cd app && docker build . && cd .. && docker build -f other.dockerfile ."), "SUCCESS"),
        (bash("cd nowhere && docker build ."), "FAILURE"),
        (bash("cd / && docker build ."), "FAILURE"),
        (bash("false"), "FAILURE"),
        (docker("build.sh", entrypoint="bash"), "FAILURE"),
        (docker("-c", "true", "more", entrypoint="/bin/sh"), "FAILURE"),
        ({"name": "docker", "script": "#!/bin/sh\ndocker build app"}, "SUCCESS"),
        ({"name": "docker:24", "args": ["build", "app"]}, "SUCCESS"),
        (docker("build", ".", dir="app"), "SUCCESS"),
        (docker("build", "/workspace/app", dir="new"), "SUCCESS"),
        (docker("build", ".", dir="../.."), "FAILURE"),
        (docker("build", "-f", "other.dockerfile", "app"), "SUCCESS"),
        (docker("build", "nowhere"), "FAILURE"),
        ({"name": "gcr.io/kaniko-project/executor:latest", "args": ["--context=app", "--no-push"]}, "SUCCESS"),
        ({"name": "gcr.io/kaniko-project/executor", "entrypoint": "sh", "args": ["--no-push"]}, "FAILURE"),
    ],
)
async def test_what_one_step_does(api, step, status):
    built = await run(api, step)
    assert built["status"] == status, api.log(built)


async def test_an_image_is_built_tagged_and_pushed_in_one_script(api):
    script = f"docker build -t local app && docker tag local {IMAGE}:$$TAG && docker push {IMAGE}:$$TAG"
    built = await run(api, bash(script, env=["TAG=v1"]))
    assert built["status"] == "SUCCESS", api.log(built)
    assert api.images.find(f"{IMAGE}:v1")
    pulled = await run(api, docker("pull", f"{IMAGE}:v1"), docker("tag", f"{IMAGE}:v1", IMAGE), images=[IMAGE])
    assert pulled["status"] == "SUCCESS", api.log(pulled)
    assert "Status: Downloaded newer image" in api.log(pulled)


async def test_a_dockerfile_beside_its_context_is_not_in_it(api):
    await api.store(
        {"docker/train": "FROM debian\nCOPY . /code\n", "app/a.py": "", "app/b.py": "", "app/.dockerignore": "b.py"}
    )
    built = await run(api, docker("build", "-f", "docker/train", "-t", IMAGE, "app"), images=[IMAGE])
    assert built["status"] == "SUCCESS", api.log(built)
    files = api.images.files(api.images.find(IMAGE)) / "code"
    assert sorted(path.name for path in files.iterdir()) in (["a.py"], [".dockerignore", "a.py"])


async def test_all_tags_of_a_name_are_pushed(api):
    tags = [flag for tag in ("a", "b") for flag in ("-t", f"{IMAGE}:{tag}")]
    built = await run(api, docker("build", *tags, "app"), docker("push", "--all-tags", IMAGE))
    assert built["status"] == "SUCCESS"
    assert [each.tags for each in api.images.contents()] == [("a", "b")]


async def test_kaniko_pushes_what_it_builds(api):
    flags = [f"--destination={IMAGE}:k", "--dockerfile=Dockerfile", "--context=app", "--cache=true"]
    built = await run(api, {"name": "gcr.io/kaniko-project/executor:v1.9.0", "args": flags})
    assert built["status"] == "SUCCESS", api.log(built)
    assert api.images.find(f"{IMAGE}:k")


async def test_no_build_sees_what_another_one_has_only_built(api):
    assert (await run(api, docker("build", "-t", IMAGE, "app")))["status"] == "SUCCESS"
    built = await run(api, docker("push", IMAGE))
    assert built["statusDetail"] == f"Step #0: An image does not exist locally with the tag: {IMAGE}"


async def test_a_step_that_may_fail(api):
    failing = docker("push", IMAGE)
    steps = [{**failing, "allowFailure": True}, {**failing, "allowExitCodes": [1]}, docker("build", "app")]
    built = await run(api, *steps)
    assert built["status"] == "SUCCESS"
    assert [step.get("exitCode", 0) for step in built["steps"]] == [1, 1, 0]
