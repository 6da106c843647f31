import io
import os
import tarfile

import pytest

from cloud.engine.images.build import ImageBuilder
from cloud.errors import InvalidArgument


async def test_a_target_of_its_own_dockerfile_and_ignore_file(build):
    build.write("x/train.Dockerfile", "FROM python\nCOPY . /c")
    build.write("x/train.Dockerfile.dockerignore", "*\n!a\n!d/keep")
    for path in ("a", "b", "d/keep", "d/lose"):
        build.write(path)
    image = await ImageBuilder(build.store).build(build.context, dockerfile="x/train.Dockerfile", log=build.log.append)
    assert build.tree(image) == ["c/a", "c/d/keep"]


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
