"""Docker Engine's API, over the images that are made here: https://docs.docker.com/reference/api/engine/."""
