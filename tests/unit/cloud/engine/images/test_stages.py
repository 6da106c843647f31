import pytest

from cloud.errors import InvalidArgument


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


async def test_what_the_base_has_passed_over_may_have_made_files(build):
    for line, fails in {"apt-get install -y curl": True, "wget https://example.com/r.txt": False}.items():
        await build(f"FROM python\nRUN {line}", names=["base"])
        text = "FROM base\nRUN pip install -r r.txt"
        if fails:
            with pytest.raises(InvalidArgument, match=r"'/r\.txt'"):
                await build(text)
        else:
            assert (await build(text)).passed_over == (f"RUN {line}", "RUN pip install -r r.txt")


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


async def test_packages_that_another_stage_has_installed(build):
    build.write("requirements.txt", "fire\npandas")
    build.write("app/main.py")
    builder = """
        FROM python:3.11 AS builder
        RUN python -m venv /opt/venv
        ENV PATH="/opt/venv/bin:$PATH"
        COPY requirements.txt .
        RUN pip wheel -w /wheels -r requirements.txt && mkdir /install
        RUN wget https://example.com/data -O /data
        FROM python:3.11-slim
    """
    for copied in ("/opt/venv /opt/venv", "/wheels/* /wheels/", "/install /usr/local", "/requirements.txt /wheels /w/"):
        image = await build(f"{builder}COPY --from=builder {copied}\nCOPY app /usr/local/bin\nCOPY app/main.py /root")
        assert image.requirements == ("fire", "pandas")
        assert image.passed_over == ()
        assert build.read(image, "/usr/local/bin/main.py") == build.read(image, "/root/main.py") == "x"
    image = await build(f"{builder}COPY --from=builder /requirements.txt /r.txt")
    assert image.requirements == ()
    image = await build("FROM python AS a\nRUN wget x\nFROM python\nCOPY --from=a /x /y")
    assert image.passed_over == ("COPY --from=a /x /y",)
    with pytest.raises(InvalidArgument, match="COPY failed: stat /x: file does not exist"):
        await build("FROM python AS a\nFROM python\nCOPY --from=a /x /y")
