"""docker around a cloud: the stand-in, the real command where it is installed, Docker's client for Python, and gcloud's
packaging of a folder, which calls docker. They are the same to the cloud."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import GcloudMode, LauncherKind, Settings, inherited_environ

PROJECT = "lab-project"
NAME = f"gcr.io/{PROJECT}/trainer"
REAL, GCLOUD = shutil.which("docker"), shutil.which("gcloud")
DOCKERFILE = """FROM python:3.11
ARG WORD=none
ENV WORD=$WORD
COPY trainer /trainer
ENTRYPOINT ["python", "-m", "trainer.task"]
"""

EMPTY = "docker images -q | sort -u | xargs -r docker rmi --force"
"""Removes what an earlier test has left."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(project=PROJECT, launcher=LauncherKind.COLD, gcloud=GcloudMode.EMULATED)) as cloud:
        yield cloud


class Shell:
    """Runs command lines in a folder with a context, ``app``."""

    def __init__(self, cloud: BackgroundCloud, folder: Path, *, is_real: bool) -> None:
        self.folder, self.environ = folder, inherited_environ() | cloud.environ | {"HOME": str(folder)}
        _, *paths = self.environ["PATH"].split(os.pathsep)
        if is_real:
            self.environ["PATH"] = os.pathsep.join(paths)
        (folder / "app" / "trainer").mkdir(parents=True)
        (folder / "app" / "trainer" / "task.py").write_text("print('hi')\n")
        (folder / "app" / "Dockerfile").write_text(DOCKERFILE)

    def run(self, line: str, *, status: int = 0) -> str:
        """What it prints on both streams."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == status, f"{line}\n{done.stdout}"
        return done.stdout


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.skipif(REAL is None, reason="no docker"))])
def shell(cloud: BackgroundCloud, tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
    found = Shell(cloud, tmp_path, is_real=request.param == "real")
    found.run(EMPTY)
    return found


def identifier(text: str) -> str:
    found = re.search(r"^Successfully built ([0-9a-f]{12})$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def test_an_image_is_built_listed_and_pushed(shell: Shell) -> None:
    built = shell.run(f"docker build -t {NAME}:v1 --tag={NAME} --build-arg WORD=said app")
    assert "Sending build context to Docker daemon" in built
    assert "Step 1/5 : FROM python:3.11" in built
    found = identifier(built)
    table = [re.split(r"  +", line) for line in shell.run("docker images").splitlines()]
    assert table[0] == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    assert sorted(row[:3] for row in table[1:]) == [[NAME, "latest", found], [NAME, "v1", found]]
    pushed = shell.run(f"docker push {NAME}:v1").splitlines()
    assert pushed[0] == f"The push refers to repository [{NAME}]"
    assert re.fullmatch(rf"v1: digest: sha256:{found}[0-9a-f]+ size: \d+", pushed[-1])
    assert '"WORD=said"' in shell.run(f"docker inspect -f '{{{{json .Config.Env}}}}' {NAME}")


@pytest.mark.parametrize(
    "line",
    [
        "docker build -f app/Dockerfile app",
        "docker image build --quiet --no-cache --rm --network host --platform linux/amd64 app",
        "cd app && docker build .",
        "docker build - < app/Dockerfile.alone",
        "tar cz -C app . | docker build -",
        "docker build --no-cache -t packed --rm -f- app < app/Dockerfile",
        "mv app/Dockerfile other && docker build -f other -t x:1 app",
        "docker build --target=first -f app/Dockerfile app",
    ],
)
def test_the_ways_to_give_a_dockerfile_and_a_context(shell: Shell, line: str) -> None:
    (shell.folder / "app" / "Dockerfile.alone").write_text("FROM python:3.11\nENV A=b\n")
    (shell.folder / "app" / "Dockerfile").write_text(DOCKERFILE.replace("3.11", "3.11 AS first", 1))
    said = shell.run(line)
    if "--quiet" in line:
        assert re.search(r"^sha256:[0-9a-f]{64}$", said, re.MULTILINE)
        assert "Step" not in said
    else:
        assert identifier(said)


def test_what_is_ignored_is_not_sent_or_copied(shell: Shell) -> None:
    app = shell.folder / "app"
    (app / "data").mkdir()
    (app / "data" / "large").write_bytes(os.urandom(2**20))
    (app / "data" / "kept").write_text("k")
    (app / "Dockerfile").write_text("FROM python:3.11\nCOPY . /app\n")
    (app / ".dockerignore").write_text("data/*\n!data/kept\nDockerfile\n")
    said = shell.run("docker build -t ignoring app")
    sent = re.search(r"daemon +([\d.]+)(k?B)", said)
    assert sent is not None, said  # no MB
    assert shell.run("docker inspect -f '{{.Size}}' ignoring").strip() == str(len("print('hi')\n") + 1 + ignored(app))


def ignored(app: Path) -> int:
    return (app / ".dockerignore").stat().st_size


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("docker build nowhere", 1, 'path "nowhere" not found'),
        ("docker build -f nothing app", 1, "unable to evaluate symlinks in Dockerfile path"),
        ("docker build -t Upper app", 125, "must be lowercase"),
        ("docker build app more", 1, "1 argument"),
        ("docker build --wrong app", 125, "unknown flag: --wrong"),
        ("docker build -t x -f app/Bad app", 1, "unknown instruction"),
        ("docker push nothing", 1, "An image does not exist locally with the tag: nothing"),
        ("docker pull some/database:1", 1, "pull access denied for some/database"),
        ("docker tag nothing x", 1, "No such image: nothing"),
        ("docker rmi nothing", 1, "No such image: nothing"),
        ("docker inspect nothing", 1, "No such object: nothing"),
        ("docker image inspect nothing", 1, "No such image: nothing"),
        ("docker run --rm -e A=b x --flag", 125, "an image runs as a job"),
        ("docker login -u a -p b quay.io", 1, "is not reached from this cloud"),
        ("docker images --filter x=y", 1, "invalid filter"),
    ],
)
def test_what_is_wrong_is_said(shell: Shell, line: str, status: int, words: str) -> None:
    (shell.folder / "app" / "Bad").write_text("FROM python:3.11\nBAD x\n")
    assert words in shell.run(line, status=status)


def test_names_come_and_go(shell: Shell) -> None:
    shell.run("docker build -t one app")
    shell.run(f"docker tag one {NAME}:v2 && docker image push -q {NAME}:v2")
    assert shell.run(f"docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {NAME}").split() == [f"{NAME}:v2"]
    assert "Untagged: one:latest" in shell.run("docker rmi one")
    assert f"Untagged: {NAME}:v2" in shell.run(f"docker rmi {NAME}:v2")
    assert f"Status: Downloaded newer image for {NAME}:v2" in shell.run(f"docker pull {NAME}:v2")
    assert "FROM python:3.11" in shell.run(f"docker history {NAME}:v2")
    assert "Nothing is pulled" in shell.run("docker pull python:3.11")


def test_what_the_engine_is(shell: Shell) -> None:
    assert "An offline cloud" in shell.run("docker version")
    assert f"Name: {PROJECT}" in shell.run("docker info")
    assert shell.run("docker ps -q") == ""
    assert "Login Succeeded" in shell.run("echo secret | docker login -u _json_key --password-stdin https://gcr.io")
    assert not (shell.folder / ".docker").exists()


def test_the_stand_in_says_what_it_is(cloud: BackgroundCloud, tmp_path: Path) -> None:
    shell = Shell(cloud, tmp_path, is_real=False)
    for line in ("docker --version", "docker version", "docker --help", "docker"):
        assert "stand-in" in shell.run(line)
    assert "docker build [OPTIONS] PATH | -" in shell.run("docker build --help")
    assert "docker buildx build" in shell.run("docker help")
    assert "unknown command: docker swarm" in shell.run("docker swarm", status=1)
    assert "DOCKER_HOST=" in shell.run("unset DOCKER_HOST; docker images", status=1)
    assert "Is the docker daemon running?" in shell.run("DOCKER_HOST=unix:///none docker images", status=1)
    assert "size: " in shell.run(f"docker buildx build --platform linux/amd64 -t {NAME}:x --push app")


def test_dockers_client_for_python(cloud: BackgroundCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Shell(cloud, tmp_path, is_real=False).run(EMPTY)
    (tmp_path / "config.json").write_text("{}")  # it runs in this process, and the user's may name helpers
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    client = docker.from_env(environment=cloud.environ)
    assert client.ping()
    image, log = client.images.build(path=str(tmp_path / "app"), tag=f"{NAME}:py", buildargs={"WORD": "x"}, gzip=True)
    assert image.tags == [f"{NAME}:py"]
    assert any("Successfully built" in line.get("stream", "") for line in log)
    assert '"Tag": "py"' in client.images.push(NAME, tag="py")
    assert [each.id for each in client.images.list(name=NAME)] == [image.id]
    assert client.images.pull(NAME, tag="py").id == image.id
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(text := b"FROM python:3.11\nCOPY nothing .\n")
        tar.addfile(member, io.BytesIO(text))
    archive.seek(0)
    with pytest.raises(docker.errors.BuildError, match="nothing"):
        client.images.build(fileobj=archive, custom_context=True)
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("nothing")
    with pytest.raises(docker.errors.APIError, match="runs as a job"):
        client.containers.run(NAME)
    client.images.remove(f"{NAME}:py")
    assert client.containers.list() == []
    client.close()


@pytest.mark.skipif(GCLOUD is None, reason="the Cloud SDK is not installed")
def test_gcloud_packages_a_folder_by_docker(shell: Shell) -> None:
    """Whatever becomes of the job then: its image is in the registry."""
    said = shell.run(
        f"rm app/Dockerfile; cd app; {GCLOUD} ai custom-jobs create --region=us-central1 --display-name=packed "
        "--worker-pool-spec=machine-type=n1-standard-4,replica-count=1,local-package-path=.,python-module=trainer.task,"
        "executor-image-uri=us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15.py310:latest || true"
    )
    assert 'ENTRYPOINT ["python3", "-m", "trainer.task"]' in said
    found = re.search(rf"Custom container image \[(gcr\.io/{PROJECT}/cloudai-autogenerated/packed:[\d.]+)\]", said)
    assert found is not None, said
    assert f"Downloaded newer image for {found[1]}" in shell.run(f"docker pull {found[1]}")


@pytest.mark.skipif(GCLOUD is None, reason="the Cloud SDK is not installed")
def test_gcloud_lists_what_docker_pushed(shell: Shell, request: pytest.FixtureRequest) -> None:
    repository = f"us-central1-docker.pkg.dev/{PROJECT}/{'real' if 'real' in request.node.name else 'mine'}"
    name = repository.rpartition("/")[2]
    shell.run(f"docker build -t {repository}/trainer:v1 app")
    assert f'Repository "{name}" not found' in shell.run(f"docker push {repository}/trainer:v1", status=1)
    shell.run(f"{GCLOUD} artifacts repositories create {name} --repository-format=docker --location=us-central1")
    shell.run(f"{GCLOUD} auth configure-docker us-central1-docker.pkg.dev --quiet")
    shell.run(f"docker push {repository}/trainer:v1")
    listed = shell.run(
        f"{GCLOUD} artifacts docker images list {repository} --include-tags --format='value(package,tags)'"
    )
    assert f"{repository}/trainer\tv1" in listed
    assert not (shell.folder / ".docker").exists()


def test_the_stand_in_of_gcloud_makes_the_repository_that_a_push_needs(cloud: BackgroundCloud, tmp_path: Path) -> None:
    shell, name = Shell(cloud, tmp_path, is_real=False), f"europe-west1-docker.pkg.dev/{PROJECT}/trainers/one"
    shell.run(f"docker build -q -t {name} app")
    assert 'Repository "trainers" not found' in shell.run(f"docker push {name}", status=1)
    of = "gcloud artifacts repositories"
    created = shell.run(f"{of} create trainers --location=europe-west1 --repository-format=docker --description=mine")
    assert "Created repository [trainers]." in created
    shell.run(f"docker push {name}")
    assert "trainers" in shell.run(f"{of} list --location=europe-west1")
    assert "description: mine" in shell.run(f"{of} describe trainers --location=europe-west1")
    assert "Deleted repository [trainers]." in shell.run(f"{of} delete trainers --location=europe-west1 --quiet")
    assert "argument --location: Must be specified." in shell.run(f"{of} list", status=2)


def test_the_socket_is_in_a_private_folder(cloud: BackgroundCloud) -> None:
    socket = Path(cloud.environ["DOCKER_HOST"].removeprefix("unix://"))
    assert socket.is_socket()
    assert socket.parent.stat().st_mode & 0o777 == 0o700
