import asyncio
import io
import os
import tarfile

import pytest

from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore
from cloud.errors import InvalidArgument


class Build:
    """Builds Dockerfiles of one context."""

    def __init__(self, folder):
        self.store = ImageStore(folder / "store")
        self.context = folder / "context"
        self.context.mkdir()
        self.log = []

    def write(self, path, text="x"):
        file = self.context / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def __call__(self, text, **options):
        self.write("Dockerfile", text)
        return await ImageBuilder(self.store).build(self.context, log=self.log.append, **options)

    def read(self, image, path):
        return (self.store.files(image) / path.lstrip("/")).read_text()

    def tree(self, image):
        root = self.store.files(image)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


@pytest.fixture
def build(tmp_path):
    return Build(tmp_path)


SAMPLE = """
FROM gcr.io/deeplearning-platform-release/tf2-cpu.2-8
WORKDIR /root
RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt && pip3 install -U cloudml-hypertune==0.1.0.dev6
COPY trainer /trainer
ENV PYTHONPATH="${PYTHONPATH}:/babyweight" MODE=fast
WORKDIR /
ENTRYPOINT ["python", "-m", "trainer.task"]
CMD ["--epochs=1"]
"""


async def test_a_training_image(build):
    build.write("trainer/task.py", "print(1)")
    build.write("trainer/__init__.py", "")
    build.write("requirements.txt", "fire>=0.4  # a comment\n-r more.txt\n")
    with pytest.raises(InvalidArgument, match=r"line 6: RUN pip install .* no such file or directory .*more.txt"):
        await build(SAMPLE)
    build.write("requirements.txt", "fire>=0.4  # a comment\npandas==1.5.0 \\\n  --hash=sha256:0\n")
    build.log.clear()
    image = await build(SAMPLE, names=["gcr.io/p/trainer", "trainer:v1"])
    assert image.base == "gcr.io/deeplearning-platform-release/tf2-cpu.2-8"
    assert image.requirements == ("fire>=0.4", "pandas==1.5.0", "cloudml-hypertune==0.1.0.dev6")
    assert image.env == {"PYTHONPATH": ":/babyweight", "MODE": "fast"}
    assert image.workdir == "/"
    assert image.argv((), ()) == ("python", "-m", "trainer.task", "--epochs=1")
    assert image.passed_over == ("RUN apt-get install -y curl",)
    assert build.tree(image) == ["root/requirements.txt", "trainer/__init__.py", "trainer/task.py"]
    assert build.store.local("trainer:v1") == build.store.local("gcr.io/p/trainer:latest") == image
    assert build.store.find("gcr.io/p/trainer") is None
    assert build.log == [
        "Step 1/10 : FROM gcr.io/deeplearning-platform-release/tf2-cpu.2-8",
        " ---> image tf2-cpu.2-8 of Deep Learning Containers",
        "Step 2/10 : WORKDIR /root",
        "Step 3/10 : RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
        " ---> passed over: RUN apt-get update (system packages are this machine's)",
        " ---> passed over: RUN apt-get install -y curl (system packages are this machine's)",
        "Step 4/10 : COPY requirements.txt .",
        "Step 5/10 : RUN pip install --no-cache-dir -r requirements.txt"
        " && pip3 install -U cloudml-hypertune==0.1.0.dev6",
        " ---> to be installed: fire>=0.4, pandas==1.5.0",
        " ---> to be installed: cloudml-hypertune==0.1.0.dev6",
        "Step 6/10 : COPY trainer /trainer",
        'Step 7/10 : ENV PYTHONPATH="${PYTHONPATH}:/babyweight" MODE=fast',
        "Step 8/10 : WORKDIR /",
        'Step 9/10 : ENTRYPOINT ["python", "-m", "trainer.task"]',
        'Step 10/10 : CMD ["--epochs=1"]',
        f"Successfully built {image.digest[7:19]}",
        "Successfully tagged gcr.io/p/trainer:latest",
        "Successfully tagged trainer:v1",
    ]


async def test_the_digest_is_of_the_content(build):
    build.write("a.py", "1")
    text = "FROM python:3.11\nCOPY . /a\nRUN pip install fire"
    first = await build(text)
    assert await build(text) == first
    assert (await build(text + "==1")).digest != first.digest
    build.write("a.py", "2")
    assert (await build(text)).digest != first.digest
    build.write("a.py", "1")
    assert (await build(text)).digest == first.digest
    (build.context / "a.py").chmod(0o755)
    assert (await build(text)).digest != first.digest


async def test_from_an_image_that_was_built_here(build):
    base = await build(
        "FROM python:3.9\nENV A=1 B=2\nWORKDIR /w\nRUN pip install fire==0.3 pandas && touch a\n"
        'RUN wget x\nCMD ["python", "x"]',
        names=["base"],
    )
    image = await build(
        'FROM base\nENV B=$A\nRUN pip install fire==0.4 pandas\nCOPY Dockerfile .\nENTRYPOINT ["python"]'
    )
    assert image.base == "python:3.9"
    assert image.env == {"A": "1", "B": "1"}
    assert image.requirements == ("pandas", "fire==0.4")
    assert image.passed_over == ("RUN wget x",)
    assert build.tree(image) == ["w/Dockerfile", "w/a"]
    assert (image.entrypoint, image.command) == (("python",), ())
    assert base.command == ("python", "x")
    assert build.tree(base) == ["w/a"]
    with pytest.raises(InvalidArgument, match=r"nothing is known here of the image 'gcr\.io/p/base'"):
        await build("FROM gcr.io/p/base")
    build.store.tag("gcr.io/p/base", base.digest)
    build.store.push("gcr.io/p/base")
    assert (await build("FROM gcr.io/p/base")).digest == base.digest
    assert (await build(f"FROM {base.digest}")).digest == base.digest


async def test_stages(build):
    build.write("a/b.py")
    text = """
        ARG PYTHON=3.9
        ARG WHERE=/out
        FROM python:${PYTHON} AS Builder
        ARG WHERE
        COPY a /built
        RUN pip install fire && mkdir -p $WHERE && echo hello > $WHERE/text
        FROM node:18 AS unused
        FROM pytorch/pytorch:1.8.1 AS base
        RUN pip install pandas
        FROM base
        COPY --from=builder /built/*.py /out/text ./x/
        COPY --from=0 /built /y
        COPY --from=nginx:latest /etc/nginx /z
    """
    image = await build(text)
    assert image.base == "pytorch/pytorch:1.8.1"
    assert image.requirements == ("pandas",)
    assert build.tree(image) == ["x/b.py", "x/text", "y/b.py"]
    assert image.passed_over == ("COPY --from=nginx:latest /etc/nginx /z",)
    assert (await build(text, target="builder", build_args={"WHERE": "/else", "PYTHON": "3.10"})).base == "python:3.10"
    with pytest.raises(InvalidArgument, match="failed to reach build target x"):
        await build(text, target="x")
    with pytest.raises(InvalidArgument, match=r"line 8: FROM node:18 AS unused: .*'node:18'; known are Google's"):
        await build(text, target="unused")


async def test_a_target_of_its_own_dockerfile_and_ignore_file(build):
    build.write("x/train.Dockerfile", "FROM python\nCOPY . /c")
    build.write("x/train.Dockerfile.dockerignore", "*\n!a\n!d/keep")
    for path in ("a", "b", "d/keep", "d/lose"):
        build.write(path)
    image = await ImageBuilder(build.store).build(build.context, dockerfile="x/train.Dockerfile", log=build.log.append)
    assert build.tree(image) == ["c/a", "c/d/keep"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("FROM scratch", "line 1: FROM scratch: .*known are Google's prebuilt images"),
        ("RUN x", "no build stage in current context"),
        ("ARG A", "no build stage in current context"),
        ("FROM ${A}", "should not be blank"),
        ("FROM a b", "either one or three"),
        ("FROM a AS 1", "invalid name for build stage"),
        ("", "cannot be empty"),
        ("FROM python\nFOO", "line 2: unknown instruction: FOO"),
        (
            "FROM python\nCOPY trainer /t",
            "line 2: COPY trainer /t: COPY failed: file not found in build context or excluded by .dockerignore: "
            "stat trainer: file does not exist",
        ),
        ("FROM python\nCOPY ../x /t", "forbidden path outside the build context: ../x"),
        ("FROM python\nCOPY hidden /t", "excluded by .dockerignore: stat hidden"),
        ("FROM python\nCOPY a", "requires at least two arguments"),
        ("FROM python\nCOPY a b /t", "must be a directory and end with a /"),
        ("FROM python\nCOPY *.none /t", "stat \\*.none"),
        ("FROM python\nCOPY --chmod=x a /t", "no mode"),
        ('FROM python\nCOPY ["a\\u0000", "/t"]', "stat a\\x00: file does not exist"),
        ('FROM python\nCOPY ["a", "/t\\u0000"]', "null byte"),
        ("FROM python\nCOPY a " + "x" * 300, "File name too long"),
        ("FROM python\nCOPY a /t\nWORKDIR /t/b", "cannot create directory"),
        ("FROM python\nENV A", "must have two arguments"),
        ("FROM python\nENV A=b c", "can't find = in 'c'"),
        ("FROM python\nENV A='b", "matching single-quote"),
        ("FROM python\nSHELL x", "JSON form"),
        ("FROM python\nRUN false", "returned a non-zero code"),
        ('FROM python\nRUN ["false"]', "returned a non-zero code"),
        ("FROM python\nRUN pip install 'a=b=c'", "invalid requirement 'a=b=c'"),
        ("FROM python\nRUN pip install ./none", "neither a file nor a folder of the image"),
    ],
)
async def test_what_fails(build, text, error):
    build.write(".dockerignore", "hidden")
    for path in ("a", "b", "hidden"):
        build.write(path)
    with pytest.raises(InvalidArgument, match=error):
        await build(text)
    assert not (build.store._folder / "images").exists() or list((build.store._folder / "images").iterdir()) == []


async def test_no_dockerfile(build):
    with pytest.raises(
        InvalidArgument, match=r"unable to evaluate symlinks in Dockerfile path: lstat .*/Dockerfile: no such file"
    ):
        await ImageBuilder(build.store).build(build.context, log=build.log.append)
    (build.context / "Dockerfile").write_bytes(b"FROM \xff")
    with pytest.raises(InvalidArgument, match="no text in UTF-8"):
        await ImageBuilder(build.store).build(build.context, log=build.log.append)
    with pytest.raises(InvalidArgument, match="repository name must be lowercase"):
        await build("FROM python", names=["Trainer"])


async def test_links_are_kept_and_never_lead_outside(build, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name, target in {"out": str(secret), "up": "../secret", "in": "a", "loop": "loop", "dir": "/"}.items():
        (build.context / name).symlink_to(target)
    build.write("a", "text")
    image = await build(
        "FROM python\nCOPY . /c\nCOPY in /named\nRUN rm /c/loop && echo new > /c/out && cat /c/dir/named > /d"
    )
    files = build.store.files(image)
    assert os.readlink(files / "c/out") == str(secret)
    assert os.readlink(files / "c/up") == "../secret"
    assert secret.read_text() == "secret"
    assert (files / str(secret).lstrip("/")).read_text() == "new\n"
    assert build.read(image, "named") == "text"
    assert build.read(image, "d") == "text"
    for name in ("out", "up"):
        with pytest.raises(InvalidArgument, match="file does not exist"):
            await build(f"FROM python\nCOPY {name} /x")
    with pytest.raises(InvalidArgument, match="Too many levels"):
        await build("FROM python\nCOPY loop /x")
    (build.context / "Dockerfile").unlink()
    (build.context / "Dockerfile").symlink_to(secret)
    with pytest.raises(InvalidArgument, match="no such file"):
        await ImageBuilder(build.store).build(build.context, log=build.log.append)


async def test_a_pipe_is_refused(build):
    os.mkfifo(build.context / "pipe")
    with pytest.raises(InvalidArgument, match="only files, folders and links"):
        await build("FROM python\nCOPY . /c")


async def test_add_unpacks_archives(build):
    def archive(name, *members):
        with tarfile.open(build.context / name, "w:gz") as tar:
            for member, text in members:
                info = tarfile.TarInfo(member)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))

    archive("good.tar.gz", ("d/a", b"1"))
    archive("bad.tar.gz", ("../../a", b"1"))
    image = await build("FROM python\nADD good.tar.gz /x\nCOPY good.tar.gz /y/\nADD https://example.com/a gs://b/c /z/")
    assert build.tree(image) == ["x/d/a", "y/good.tar.gz"]
    assert image.passed_over == ("ADD https://example.com/a gs://b/c /z/",)
    with pytest.raises(InvalidArgument, match="cannot be unpacked"):
        await build("FROM python\nADD bad.tar.gz /x")


async def test_where_copies_go(build):
    for path in ("t/a.py", "t/s/b.py", "c.py", ".env", "d e"):
        build.write(path)
    image = await build(
        """
        FROM python
        WORKDIR /w
        WORKDIR r
        ENV TO=to
        COPY t /folder
        COPY t/a.py file
        COPY t/a.py $TO/
        COPY c.py t/a.py ./two/
        COPY *.py /glob
        COPY ["d e", "json/"]
        COPY --chmod=755 --chown=me:me c.py /bin/c
        COPY .env .
        COPY t/s /w/r/two
        COPY <<EOF /here/
        A=$TO
        EOF
        COPY <<"X" <<Y /docs/
        A=$TO
        X
        y
        Y
        """.replace("\n        ", "\n")
    )
    assert build.tree(image) == [
        "bin/c",
        "docs/X",
        "docs/Y",
        "folder/a.py",
        "folder/s/b.py",
        "glob",
        "here/EOF",
        "w/r/.env",
        "w/r/file",
        "w/r/json/d e",
        "w/r/to/a.py",
        "w/r/two/a.py",
        "w/r/two/b.py",
        "w/r/two/c.py",
    ]
    assert build.read(image, "here/EOF") == "A=to\n"
    assert build.read(image, "docs/X") == "A=$TO\n"
    assert os.access(build.store.files(image) / "bin/c", os.X_OK)
    assert not os.access(build.store.files(image) / "glob", os.X_OK)


async def test_arguments(build):
    text = """
        FROM python
        ARG A=1
        ARG B
        ARG C=$A-$B
        ENV D=${C} E=${E:-e}
        ENV OLD the rest  "of it"
        ARG D=no
        ENV F=$D PROXY=$HTTP_PROXY
        LABEL x="y z"
        EXPOSE 80
        USER me
        VOLUME /v
        MAINTAINER me
        STOPSIGNAL 9
        HEALTHCHECK --interval=5s CMD true
        ONBUILD RUN x
        SHELL ["/bin/bash", "-c"]
        CMD echo $A
    """
    image = await build(text, build_args={"B": "b", "HTTP_PROXY": "p", "NONE": "n"})
    assert image.env == {"D": "1-b", "E": "e", "OLD": "the rest  of it", "F": "1-b", "PROXY": "p"}
    assert image.command == ("/bin/bash", "-c", "echo $A")
    assert image.passed_over == ()
    assert "[Warning] One or more build-args ['NONE'] were not consumed" in [
        line.replace("'HTTP_PROXY', ", "") for line in build.log
    ]


async def test_a_build_that_nobody_waits_for_ends(build):
    build.write("a")
    started = asyncio.Event()
    build.write("Dockerfile", "FROM python\n" + "RUN echo a >> /a\n" * 20000)
    work = asyncio.ensure_future(ImageBuilder(build.store).build(build.context, log=lambda _: started.set()))
    await started.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list((build.store._folder / "images").iterdir()) == []


async def test_two_builds_at_once(build):
    build.write("a")
    build.write("Dockerfile", "FROM python\nCOPY . /a")
    builder = ImageBuilder(build.store)
    images = await asyncio.gather(
        *(builder.build(build.context, names=[f"n{i}"], log=build.log.append) for i in range(8))
    )
    assert len({image.digest for image in images}) == 1
    assert build.store.local("n7") == images[0]
