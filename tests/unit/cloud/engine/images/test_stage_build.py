async def test_a_mounted_file_is_there_for_one_line(build):
    build.write("requirements.txt", "fire")
    image = await build(
        "FROM python\nRUN --mount=type=cache,target=/root/.cache "
        "--mount=type=bind,source=requirements.txt,target=r.txt pip install -r r.txt"
    )
    assert image.requirements == ("fire",)
    assert build.tree(image) == []


async def test_run_with_here_documents(build):
    image = await build(
        "FROM python\nWORKDIR /w\nRUN <<EOF\nset -e\npip install fire\necho a > b\nEOF\n"
        "RUN cat <<'X' > c && touch d\n$HOME\nX\nRUN python3 <<EOF\nprint()\nEOF\n"
        "RUN <<EOF\n#!/usr/bin/env python\nx\nEOF\n"
        'RUN ["/bin/bash", "-c", "touch e"]\nRUN ["touch", "f g"]'
    )
    assert image.requirements == ("fire",)
    assert build.tree(image) == ["w/b", "w/c", "w/d", "w/e", "w/f g"]
    assert build.read(image, "w/c") == "$HOME\n"
    assert image.passed_over == ("RUN python3 <<EOF", "RUN #!/usr/bin/env python")


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


async def test_what_gcloud_packages_itself(build):
    """``gcloud ai custom-jobs create --worker-pool-spec=local-package-path=…`` writes such a Dockerfile."""
    build.write("requirements.txt", "fire\n")
    build.write("trainer/task.py")
    image = await build(
        """
FROM us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-11:latest
# The directory is created by root.
RUN mkdir -m 777 -p /usr/app /home
WORKDIR /usr/app
ENV HOME=/home
ENV PYTHONDONTWRITEBYTECODE=1
RUN rm -rf /var/sitecustomize
COPY ["./requirements.txt", "./requirements.txt"]
        RUN pip3 install --no-cache-dir -r ./requirements.txt
COPY ["trainer", "trainer"]
ENTRYPOINT ["python3", "-m", "trainer.task"]
"""
    )
    assert image.requirements == ("fire",)
    assert image.env == {"HOME": "/home", "PYTHONDONTWRITEBYTECODE": "1"}
    assert image.workdir == "/usr/app"
    assert image.passed_over == ()
    assert build.tree(image) == ["usr/app/requirements.txt", "usr/app/trainer/task.py"]
    assert image.entrypoint == ("python3", "-m", "trainer.task")
