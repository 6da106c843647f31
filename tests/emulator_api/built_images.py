"""Images that the APIs under test find."""

from datetime import UTC, datetime

from cloud.resources.container_images import ContainerImage

_MADE = datetime(2026, 11, 28, tzinfo=UTC)
URI = "gcr.io/my-project/trainer:latest"
MODULE = ContainerImage("sha256:1", "python:3.11", _MADE, entrypoint=("python", "-m", "trainer.task"))
IMAGES = {
    URI: MODULE,
    "gcr.io/my-project/file": ContainerImage(
        "sha256:2", "python:3.11", _MADE, entrypoint=("python", "task.py"), command=("--epochs=1",)
    ),
    "gcr.io/my-project/cmd": ContainerImage("sha256:3", "python:3.11", _MADE, command=("python", "-m", "trainer.task")),
    "gcr.io/my-project/nothing": ContainerImage("sha256:4", "python:3.11", _MADE),
    "gcr.io/my-project/shell": ContainerImage(
        "sha256:5", "python:3.11", _MADE, entrypoint=("/bin/sh", "-c", "python task.py && ls")
    ),
}
