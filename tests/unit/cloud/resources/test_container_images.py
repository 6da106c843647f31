from datetime import UTC, datetime

import pytest

from cloud.resources.container_images import ContainerImage


@pytest.mark.parametrize(
    ("command", "args", "runs"),
    [
        ((), (), ("python", "task.py", "--epochs=1")),
        ((), ("--epochs=9",), ("python", "task.py", "--epochs=9")),
        (("sh", "-c"), (), ("sh", "-c")),
        (("sh", "-c"), ("ls",), ("sh", "-c", "ls")),
    ],
)
def test_what_a_container_runs(command, args, runs):
    image = ContainerImage(
        "sha256:0", "python:3.11", datetime.now(UTC), entrypoint=("python", "task.py"), command=("--epochs=1",)
    )
    assert image.argv(command, args) == runs
