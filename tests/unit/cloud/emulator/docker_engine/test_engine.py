"""Docker's API on its Unix socket, over a real store and builder."""

import asyncio
import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cloud.emulator.docker_engine.engine import DockerEngine
from cloud.emulator.docker_engine.images import Platform
from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore
from cloud.engine.registry.registry import Registry
from cloud.engine.registry.repositories import Repositories
from cloud.server.docker_socket import DockerSocket

DOCKERFILE = "FROM python:3.11\nCOPY task.py /app/task.py\nWORKDIR /app\n" + 'ENTRYPOINT ["python", "task.py"]\n'
NAME = "gcr.io/my-project/trainer"


def context(files: Mapping[str, str]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return archive.getvalue()


CONTEXT = context({"Dockerfile": DOCKERFILE, "task.py": "print('hi')"})


class Docker:
    """A client of one socket."""

    def __init__(self, session: aiohttp.ClientSession, store: ImageStore) -> None:
        self.session, self.store = session, store

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.session.request(method, f"http://docker{path}", **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text[:1] in "[{" and text else text

    async def lines(self, path: str, **options: Any) -> list[dict[str, Any]]:
        async with self.session.post(f"http://docker{path}", **options) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "application/json"
            return [json.loads(line) async for line in response.content]

    async def build(self, *names: str, body: bytes = CONTEXT, **query: str) -> str:
        """The image's id."""
        lines = await self.lines("/v1.43/build", data=body, params=[*(("t", each) for each in names), *query.items()])
        return next(line["aux"]["ID"] for line in lines if "aux" in line)


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Docker]:
    store = ImageStore(tmp_path / "images")
    work = tmp_path / "work"
    work.mkdir()
    repositories = Repositories(tmp_path / "repositories.sqlite")
    repositories.create("us-central1", "mine", {})
    registry = Registry("my-project", 1234, repositories, store)
    engine = DockerEngine(Platform(registry, ImageBuilder(store), work))
    socket = DockerSocket((), lambda: engine, tmp_path / "docker")
    environ = await socket.environ()
    connector = aiohttp.UnixConnector(environ["DOCKER_HOST"].removeprefix("unix://"))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Docker(session, store)
    await socket.close()
    repositories.close()
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_clients_learn_the_version_that_they_may_speak(docker: Docker, method: str) -> None:
    async with docker.session.request(method, "http://docker/_ping") as response:
        assert (response.status, response.headers["Api-Version"]) == (200, "1.47")
        assert response.headers["Builder-Version"] == "1"
    status, found = await docker.call("GET", "/version")
    assert (status, found["ApiVersion"], found["MinAPIVersion"]) == (200, "1.47", "1.24")


@pytest.mark.parametrize(
    ("path", "words"), [("/v1.99/version", "too new"), ("/v1.12/version", "too old"), ("/v2.0/version", "too new")]
)
async def test_a_version_that_is_not_spoken_is_refused(docker: Docker, path: str, words: str) -> None:
    status, found = await docker.call("GET", path)
    assert status == 400
    assert words in found["message"]


async def test_a_build_tells_of_its_steps_and_names_the_image(docker: Docker) -> None:
    lines = await docker.lines("/v1.43/build", data=CONTEXT, params=[("t", NAME), ("t", "short:1"), ("rm", "1")])
    said = "".join(line.get("stream", "") for line in lines)
    identifier = next(line["aux"]["ID"] for line in lines if "aux" in line)
    assert "Step 1/4 : FROM python:3.11\n" in said
    assert f"Successfully built {identifier[7:19]}\n" in said
    assert f"Successfully tagged {NAME}:latest\n" in said
    for name in (NAME, "short:1"):
        image = docker.store.local(name)
        assert image is not None
        assert (image.digest, image.entrypoint, image.workdir) == (identifier, ("python", "task.py"), "/app")
    assert (docker.store.files(image) / "app" / "task.py").read_text() == "print('hi')"
    assert docker.store.find(NAME) is None  # not pushed


async def test_a_quiet_build_says_the_id_alone(docker: Docker) -> None:
    lines = await docker.lines("/build", data=gzip.compress(CONTEXT), params={"q": "1"})
    assert [line["stream"] for line in lines if "stream" in line] == [f"{lines[0]['aux']['ID']}\n"]


async def test_arguments_a_target_and_another_dockerfile(docker: Docker) -> None:
    text = "FROM python:3.11 AS first\nARG WORD=none\nENV WORD=$WORD\nFROM first AS last\nENV LAST=1\n"
    body = context({"docker/My.Dockerfile": text})
    query = {"dockerfile": "docker/My.Dockerfile", "buildargs": '{"WORD": "said", "UNSET": null}', "target": "first"}
    _, found = await docker.call("GET", f"/images/{await docker.build(body=body, **query)}/json")
    assert "WORD=said" in found["Config"]["Env"]
    assert "LAST=1" not in found["Config"]["Env"]


async def test_a_build_that_fails_later_says_so_in_its_stream(docker: Docker) -> None:
    body = context({"Dockerfile": "FROM python:3.11\nCOPY nothing /x\n"})
    lines = await docker.lines("/build", data=body)
    assert "nothing" in lines[-1]["error"]
    assert lines[-1]["errorDetail"] == {"message": lines[-1]["error"]}
    assert docker.store.images() == []


@pytest.mark.parametrize(
    ("query", "body", "status", "words"),
    [
        ({"remote": "https://github.com/a/b.git"}, b"", 501, "nothing is fetched"),
        ({"version": "2"}, CONTEXT, 501, "DOCKER_BUILDKIT=0"),
        ({"t": "Upper/Case"}, CONTEXT, 400, "lowercase"),
        ({"buildargs": "{"}, CONTEXT, 400, "buildargs"),
        ({"buildargs": "[1]"}, CONTEXT, 400, "object of strings"),
        ({"dockerfile": "../Dockerfile"}, CONTEXT, 400, "in the build context"),
        ({}, b"", 400, "the build context is empty"),
        ({}, b"FROM python", 400, "no tar archive"),
        ({}, context({"../x": ""}), 400, "cannot be unpacked"),
    ],
)
async def test_what_cannot_be_built_is_refused_at_once(
    docker: Docker, query: dict[str, str], body: bytes, status: int, words: str
) -> None:
    found, answer = await docker.call("POST", "/build", params=query, data=body)
    assert found == status
    assert words in answer["message"]


async def test_the_end_of_the_client_ends_its_build(docker: Docker, tmp_path: Path) -> None:
    """What it had sent is removed, which the fixture checks."""

    async def endless() -> AsyncIterator[bytes]:
        yield CONTEXT[:600]
        await asyncio.Event().wait()

    building = asyncio.create_task(docker.call("POST", "/build", data=endless()))
    while not list((tmp_path / "work").iterdir()):  # noqa: ASYNC110 - the engine tells of nothing before
        await asyncio.sleep(0)
    building.cancel()
    await asyncio.wait([building])


async def test_a_push_makes_the_image_known_in_the_registry(docker: Docker) -> None:
    identifier = await docker.build(f"{NAME}:v1")
    lines = await docker.lines(f"/v1.43/images/{NAME}/push", params={"tag": "v1"}, headers={"X-Registry-Auth": "e30="})
    assert lines[0] == {"status": f"The push refers to repository [{NAME}]"}
    aux = lines[-1]["aux"]
    assert (aux["Tag"], aux["Digest"]) == ("v1", identifier)
    assert f"v1: digest: {identifier} size: {aux['Size']}" in [line.get("status") for line in lines]
    image = docker.store.find(f"{NAME}:v1")
    assert image is not None
    assert image.digest == identifier


async def test_a_push_without_a_tag_pushes_all(docker: Docker) -> None:
    await docker.build(f"{NAME}:a", f"{NAME}:b")
    lines = await docker.lines(f"/images/{NAME}/push")
    assert [line["aux"]["Tag"] for line in lines if "aux" in line] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gcr.io/other-project/x", "denied: Permission"),
        ("gcr.io/my-project-2/x", "denied: Permission"),
        ("someone/x", "denied: requested access to the resource is denied"),
        ("quay.io/someone/x", "denied: requested access to the resource is denied"),
        ("us-central1-docker.pkg.dev/my-project/other/x", 'name unknown: Repository "other" not found'),
        ("europe-west1-docker.pkg.dev/my-project/mine/x", 'name unknown: Repository "mine" not found'),
        ("us-central1-docker.pkg.dev/my-project/mine", "denied: requested access to the resource is denied"),
    ],
)
async def test_only_registries_of_the_project_take_images(docker: Docker, name: str, words: str) -> None:
    await docker.build(name)
    lines = await docker.lines(f"/images/{name}/push", params={"tag": "latest"})
    assert lines[-1]["error"].startswith(words)
    assert docker.store.pushed() == []


async def test_a_repository_that_was_created_takes_images(docker: Docker) -> None:
    name = "us-central1-docker.pkg.dev/my-project/mine/x"
    await docker.build(name)
    assert "aux" in (await docker.lines(f"/images/{name}/push", params={"tag": "latest"}))[-1]


async def test_what_is_not_there_cannot_be_pushed(docker: Docker) -> None:
    lines = await docker.lines(f"/images/{NAME}/push", params={"tag": "latest"})
    assert lines[-1]["error"] == f"An image does not exist locally with the tag: {NAME}"
    await docker.build(NAME)
    lines = await docker.lines(f"/images/{NAME}/push", params={"tag": "v2"})
    assert lines[-1]["error"] == f"tag does not exist: {NAME}:v2"


async def test_images_are_listed_found_and_named(docker: Docker) -> None:
    identifier = await docker.build(NAME)
    assert (await docker.call("POST", f"/images/{NAME}:latest/tag", params={"repo": "mine", "tag": "2"}))[0] == 201
    await docker.lines(f"/images/{NAME}/push")
    _, [listed] = await docker.call("GET", "/images/json")
    assert (listed["Id"], listed["RepoTags"]) == (identifier, [f"{NAME}:latest", "mine:2"])
    assert listed["RepoDigests"] == [f"{NAME}@{identifier}"]
    for text in ("mine:2", identifier, identifier[7:], identifier[7:19], f"{NAME}@{identifier}"):
        status, found = await docker.call("GET", f"/images/{text}/json")
        assert (status, found["Id"]) == (200, identifier), text
    assert found["Config"]["Entrypoint"] == ["python", "task.py"]
    assert found["Config"]["WorkingDir"] == "/app"
    _, [layer] = await docker.call("GET", "/images/mine:2/history")
    assert (layer["Id"], layer["Size"]) == (identifier, found["Size"])


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"reference": ["mine"]}, ["mine:1", "mine:2"]),
        ({"reference": {"mine:2": True}}, ["mine:2"]),
        ({"reference": ["gcr.io/*/*"]}, [f"{NAME}:latest"]),
        ({"reference": ["other"]}, None),
        ({"dangling": ["true"]}, None),
        ({"dangling": ["false"]}, [f"{NAME}:latest", "mine:1", "mine:2"]),
    ],
)
async def test_a_list_shows_the_names_that_were_asked_for(
    docker: Docker, filters: dict[str, Any], names: list[str] | None
) -> None:
    await docker.build(NAME, "mine:1", "mine:2")
    _, found = await docker.call("GET", "/images/json", params={"filters": json.dumps(filters)})
    assert [image["RepoTags"] for image in found] == ([names] if names else [])


@pytest.mark.parametrize("filters", ["[", "[]", '{"label": ["x"]}', '{"reference": 1}'])
async def test_a_filter_that_is_not_known_is_refused(docker: Docker, filters: str) -> None:
    status, found = await docker.call("GET", "/images/json", params={"filters": filters})
    assert status == 400
    assert "filter" in found["message"]


async def test_the_last_name_takes_the_image_with_it_but_not_what_a_registry_has(docker: Docker) -> None:
    identifier = await docker.build(NAME, "mine")
    status, found = await docker.call("DELETE", f"/images/{identifier}")
    assert status == 409
    assert "must be forced" in found["message"]
    await docker.lines(f"/images/{NAME}/push")
    assert await docker.call("DELETE", "/images/mine") == (200, [{"Untagged": "mine:latest"}])
    assert await docker.call("DELETE", f"/images/{NAME}") == (200, [{"Untagged": f"{NAME}:latest"}])
    assert docker.store.find(NAME) is not None
    assert await docker.call("GET", "/images/json") == (200, [])
    other = await docker.build("a", "b", body=context({"Dockerfile": "FROM python:3.11\nENV A=b\n"}))
    status, found = await docker.call("DELETE", f"/images/{other}", params={"force": "1"})
    assert found == [{"Untagged": "a:latest"}, {"Untagged": "b:latest"}, {"Deleted": other}]
    assert (await docker.call("DELETE", "/images/a"))[0] == 404


async def test_pruning_removes_what_nothing_names(docker: Docker) -> None:
    await docker.build(NAME)
    nameless = await docker.build(body=context({"Dockerfile": "FROM python:3.11\nENV A=b\n"}))
    _, found = await docker.call("POST", "/images/prune")
    assert found["ImagesDeleted"] == [{"Deleted": nameless}]
    _, [left] = await docker.call("GET", "/images/json")
    assert left["RepoTags"] == [f"{NAME}:latest"]


async def test_a_pull_of_the_projects_own_image_names_it_here(docker: Docker) -> None:
    identifier = await docker.build(NAME)
    await docker.lines(f"/images/{NAME}/push")
    await docker.call("DELETE", f"/images/{NAME}")
    lines = await docker.lines("/images/create", params={"fromImage": NAME, "tag": "latest"})
    assert {"status": f"Digest: {identifier}"} in lines
    image = docker.store.local(NAME)
    assert image is not None
    await docker.lines("/images/create", params={"fromImage": NAME, "tag": identifier})


async def test_an_image_to_start_from_need_not_be_pulled(docker: Docker) -> None:
    [line] = await docker.lines("/images/create", params={"fromImage": "python", "tag": "3.11"})
    assert line["status"].startswith("Nothing is pulled")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"fromImage": NAME, "tag": "latest"}, 404, "manifest unknown"),
        ({"fromImage": "some/database", "tag": "1"}, 404, "pull access denied for some/database"),
        ({"fromSrc": "-"}, 501, "docker build"),
    ],
)
async def test_other_pulls_are_refused(docker: Docker, query: dict[str, str], status: int, words: str) -> None:
    found, answer = await docker.call("POST", "/images/create", params=query)
    assert found == status
    assert words in answer["message"]


async def test_a_login_is_needed_nowhere_and_possible_here(docker: Docker) -> None:
    status, found = await docker.call(
        "POST", "/auth", json={"serveraddress": "https://gcr.io", "username": "_json_key"}
    )
    assert (status, found["Status"]) == (200, "Login Succeeded")
    for body in ({"serveraddress": "quay.io"}, {}):
        assert (await docker.call("POST", "/auth", json=body))[0] == 401
    assert (await docker.call("POST", "/auth", data=b"["))[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/containers/create", 501, "an image runs as a job"),
        ("POST", "/containers/x/start", 404, "No such container: x"),
        ("POST", "/session", 501, "DOCKER_BUILDKIT=0"),
        ("GET", "/swarm", 404, "/swarm is not emulated"),
        ("PUT", "/version", 404, "not emulated"),
        ("GET", "/images/nothing/json", 404, "No such image: nothing:latest"),
        ("DELETE", "/images/nothing", 404, "No such image: nothing:latest"),
        ("POST", "/images/nothing/tag?repo=x", 404, "No such image: nothing:latest"),
        ("GET", "/images/abc/json", 404, "No such image"),
    ],
)
async def test_what_is_not_done_is_said(docker: Docker, method: str, path: str, status: int, words: str) -> None:
    found, answer = await docker.call(method, path)
    assert found == status
    assert words in answer["message"]


async def test_there_are_no_containers(docker: Docker) -> None:
    assert await docker.call("GET", "/containers/json?all=1") == (200, [])
    await docker.build(NAME)
    status, found = await docker.call("GET", "/info")
    assert (status, found["Images"], found["Containers"]) == (200, 1, 0)
