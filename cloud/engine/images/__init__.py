"""Container images without containers: a Dockerfile's instructions are performed on a folder that stands for the
image's root, as far as that is done without running programs."""
