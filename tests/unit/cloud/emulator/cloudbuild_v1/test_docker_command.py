import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.cloudbuild_v1.docker_command import Build, Pull, Push, Tag, docker, kaniko
from cloud.errors import InvalidArgument

WORDS = st.text(string.ascii_letters + string.digits + "/._=:", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("build .", Build(".")),
        (
            "build --network cloudbuild --no-cache -t gcr.io/p/a -t=gcr.io/p/b --tag=c:1 -tgcr.io/p/d dir",
            Build("dir", names=("gcr.io/p/a", "gcr.io/p/b", "c:1", "gcr.io/p/d")),
        ),
        (
            "build -f a/Dockerfile --build-arg A=1=2 --build-arg FROM_ENV --build-arg NONE --target train -q .",
            Build(".", dockerfile="a/Dockerfile", build_args={"A": "1=2", "FROM_ENV": "x"}, target="train"),
        ),
        ("build --cache-from gcr.io/p/a:latest --quiet=false -- -odd", Build("-odd")),
        ("image build .", Build(".")),
        ("buildx build --push -t a .", Build(".", names=("a",), pushes=True)),
        ("push a:1", Push("a:1")),
        ("push -a a", Push("a", all_tags=True)),
        ("pull --quiet a", Pull("a")),
        ("tag a b", Tag("a", "b")),
    ],
)
def test_commands(command, meant):
    assert docker(command.split(), {"FROM_ENV": "x"}) == meant


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("build", "requires exactly 1 argument, these are 0"),
        ("build a b", "these are 2"),
        ("build --secret id=x .", "the flag --secret is not known here"),
        ("build -Z .", "the flag -Z is not known here"),
        ("build -t", "flag needs an argument: -t"),
        ("build -", "only a folder of the source"),
        ("build https://github.com/x/y", "only a folder of the source"),
        ("tag a", "requires exactly 2 arguments"),
        ("run a", "'docker run a' is not run here"),
        ("", "'docker' is not run here"),
    ],
)
def test_what_is_not_run(command, why):
    with pytest.raises(InvalidArgument, match=why.replace("(", r"\(")):
        docker(command.split(), {})


@given(
    st.lists(WORDS, max_size=3), st.dictionaries(WORDS.filter(lambda word: "=" not in word), WORDS, max_size=3), WORDS
)
def test_what_is_written_is_read(names, build_args, target):
    flags = [f"--tag={name}" for name in names]
    for name, value in build_args.items():
        flags += ["--build-arg", f"{name}={value}"]
    read = docker(["build", *flags, "--target", target, "."], {})
    assert read == Build(".", names=tuple(names), build_args=build_args, target=target)


def test_kaniko():
    given_flags = ["--destination", "a", "--cache", "--cache-ttl", "6h", "--cache-dir", "", "-d=b", "--build-arg=A=1"]
    assert kaniko(given_flags, {}) == Build(
        "/workspace/", names=("a", "b"), build_args={"A": "1"}, pushes=True, is_kanikos=True
    )
    other = kaniko(["--no-push", "--context=dir://sub/", "--context-sub-path", "x", "--dockerfile=D"], {})
    assert other == Build("sub/x", dockerfile="D", is_kanikos=True)


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ([], "--destination"),
        (["--destination=a", "."], "takes flags only"),
        (["--context=gs://b/x", "-d=a"], "gs://b/x"),
    ],
)
def test_what_kaniko_does_not_do_here(flags, why):
    with pytest.raises(InvalidArgument, match=why):
        kaniko(flags, {})
