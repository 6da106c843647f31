import pytest

from cloud.emulator.rest.container_command import (
    NeedsImage,
    Runnable,
    container_program,
    is_shell_script,
    without_image,
)
from cloud.engine.runtimes.python_code import MODULE

TOOL = "json.tool"


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        (["python3", "-m", TOOL, "-a", "b c"], Runnable(TOOL, ("-a", "b c"))),
        (["python", "-u", "-m", TOOL], Runnable(TOOL, ())),
        (["/opt/conda/bin/python3.10", "-B", "-um", TOOL, "-m"], Runnable(TOOL, ("-m",))),
        (["python3", f"-m{TOOL}"], Runnable(TOOL, ())),
        (["python3", "-c", "print(1)", "x"], Runnable(MODULE, ("print(1)", "x"))),
        (["python3", "-uc", ""], Runnable(MODULE, ("",))),
        (["sh", "-c", f"python3 -m {TOOL} --x='a b'"], Runnable(TOOL, ("--x=a b",))),
        (["/bin/bash", "-ec", f"exec python3 -m {TOOL} '#1'"], Runnable(TOOL, ("#1",))),
        (
            ["bash", "-c", f"python3 -m pip install -q numpy>=1 /gcs/b/d/a.whl && python -m {TOOL}"],
            None,  # ">" unquoted is a redirection
        ),
        (
            ["bash", "-c", f"python3 -m pip install -q 'numpy>=1' /gcs/b/d/a.whl && python -m {TOOL}"],
            Runnable(TOOL, (), ("gs://b/d/a.whl",), ("numpy>=1",)),
        ),
        (
            # CustomJob.from_local_script, for an image of one's own.
            [
                "sh",
                "-c",
                "pip install --upgrade pip && pip3 install -q --user /gcs/b/t-0.1.tar.gz && python3 -m t.task -a",
            ],
            Runnable("t.task", ("-a",), ("gs://b/t-0.1.tar.gz",)),
        ),
        (
            ["sh", "-c", "pip install 'pandas==2.2.3' xgboost && python3 -m xgboost.no_module_here"],
            Runnable("xgboost.no_module_here", (), (), ("pandas==2.2.3", "xgboost")),
        ),
        (
            ["sh", "-c", 'pip install pandas && "$0" "$@"', "python3", "-c", "print('$X')", "--a", "b c"],
            Runnable(MODULE, ("print('$X')", "--a", "b c"), (), ("pandas",)),
        ),
        (
            ["sh", "-exc", '\n  pip install pandas\n  pip install gs_x\n  "$0" "$@"\n', "python3", "-m", TOOL, "a\nb"],
            Runnable(TOOL, ("a\nb",), (), ("pandas", "gs_x")),
        ),
        (["bash", "-c", 'exec "$0" "$@"', "python3", "-m", TOOL], Runnable(TOOL, ())),
        (["bash", "-ec", f"pip install pandas\npython3 -m {TOOL}"], Runnable(TOOL, (), (), ("pandas",))),
        (["sh", "-c", "python3 -c 'print(1); print(2)'"], Runnable(MODULE, ("print(1); print(2)",))),
    ],
    ids=str,
)
def test_what_needs_no_image_is_a_module(command, runs):
    if runs is None:
        with pytest.raises(NeedsImage):
            without_image(command)
    else:
        assert without_image(command) == runs


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ([], "own entry point is not known"),
        (["/app/run.sh"], "no program '/app/run.sh'"),
        (["pip", "install", "x"], "no program 'pip'"),
        (["python"], "standard input"),
        (["python3", "-u"], "standard input"),
        (["python3", "-"], "script '-'"),
        (["python3", "x.py"], "'x.py' is a file of the image"),
        (["python3", "-u", "/app/x.py"], "'/app/x.py' is a file of the image"),
        (["python3", "-m"], "Nothing follows Python's -m"),
        (["python3", "-I", "-m", TOOL], "flag '-I' is not followed"),
        (["python3", "-O", "-m", TOOL], "flag '-O' is not followed"),
        (["python3", "-W", "error", "-m", TOOL], "flag '-W' is not followed"),
        (["python3", "--version"], "flag '--version' is not followed"),
        (["sh", "run.sh"], "no program 'sh'"),
        (["sh", "-c", "pip install x\npython3 -m json.tool"], "joined by &&"),
        (["sh", "-c", "python3 -m json.tool", "python3"], "does not use what follows it, 'python3'"),
        (["sh", "-c", ""], "own entry point is not known"),
        (["sh", "-c", "python3 x.py"], "'x.py' is a file of the image"),
        (["sh", "-c", "cd /app && python3 -m json.tool"], "'cd /app' may do something else"),
        (["sh", "-c", "python3 -m json.tool; ls"], "not ';'"),
        (["sh", "-c", "python3 -m json.tool > x"], "not '>'"),
        (["sh", "-c", "python3 -m json.tool $X"], "without variables"),
        (["sh", "-c", "python3 -m json.tool '"], "cut short"),
        (["sh", "-c", "pip install ./mine && python3 -m json.tool"], "pip cannot install './mine'"),
        (["sh", "-c", "pip install -e . && python3 -m json.tool"], "Of pip's options '-e' is not followed"),
        (["sh", "-c", "pip install -r requirements.txt && python3 -m json.tool"], "Of pip's options '-r' is not"),
        (["sh", "-c", "pip install -i https://i/simple x && python3 -m json.tool"], "by PIP_INDEX_URL"),
    ],
    ids=str,
)
def test_what_needs_its_image_is_told_why(command, why):
    with pytest.raises(NeedsImage) as error:
        without_image(command)
    assert why in str(error.value)


def test_arguments_alone_are_those_of_an_entry_point():
    assert container_program((), ["python3", "-m", TOOL]) == Runnable(TOOL, ())
    assert container_program(["python3"], ["-m", TOOL]) == Runnable(TOOL, ())
    with pytest.raises(NeedsImage, match="own entry point is not known: give in `command`"):
        container_program((), ["--model_dir=gs://b/m"])
    with pytest.raises(NeedsImage, match="no program '/app/run'"):
        container_program(["/app/run"], ["--model_dir=gs://b/m"])


@pytest.mark.parametrize(
    ("command", "is_script"),
    [
        (["sh", "-c", "python3 -m trainer.task"], True),
        (["/bin/bash", "-exc", "python3 -m trainer.task", "--steps=5"], True),
        (["python3", "-c", "print(1)"], False),
        (["bash", "-c"], False),
        (["sh", "-c", 'pip install x && "$0" "$@"', "python3", "-m", "trainer.task"], False),
        ([], False),
    ],
)
def test_arguments_behind_a_shells_script_do_not_reach_the_program(command: list[str], is_script: bool) -> None:
    assert is_shell_script(command) is is_script
