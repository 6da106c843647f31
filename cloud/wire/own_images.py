"""The programs of the images that ``docker/`` makes. They hold this project, as what is installed here does."""

TRAINING = "cloud.containers.training"
SERVING = "cloud.containers.serving"
