import asyncio

import pytest

from cloud.engine.images.build import ImageBuilder
from cloud.errors import InvalidArgument

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
        ('FROM python\nCOPY ["a", "/t\\u0000"]', "null (byte|character)"),
        ("FROM python\nCOPY a " + "x" * 300, "File name too long"),
        ("FROM python\nCOPY a /t\nWORKDIR /t/b", "cannot create directory"),
        ("FROM python\nENV A", "must have two arguments"),
        ("FROM python\nENV A=b c", "can't find = in 'c'"),
        ("FROM python\nENV A='b", "matching single-quote"),
        ("FROM python\nSHELL x", "JSON form"),
        ("FROM python\nRUN " + "(" * 3000 + "x" + ")" * 3000, "nested too deeply"),
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
    assert not build.images.exists() or list(build.images.iterdir()) == []


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
    with pytest.raises(InvalidArgument, match="digest reference"):
        await build("FROM python", names=[f"a@sha256:{'0' * 64}"])


async def test_a_build_that_nobody_waits_for_ends(build):
    build.write("a")
    started = asyncio.Event()
    build.write("Dockerfile", "FROM python\n" + "RUN echo a >> /a\n" * 20000)
    work = asyncio.ensure_future(ImageBuilder(build.store).build(build.context, log=lambda _: started.set()))
    await started.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list(build.images.iterdir()) == []


async def test_two_builds_at_once(build):
    build.write("a")
    build.write("Dockerfile", "FROM python\nCOPY . /a")
    builder = ImageBuilder(build.store)
    images = await asyncio.gather(
        *(builder.build(build.context, names=[f"n{i}"], log=build.log.append) for i in range(8))
    )
    assert len({image.digest for image in images}) == 1
    assert build.store.local("n7") == images[0]
