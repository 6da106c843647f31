"""``python -m cloud.runtimes``: the environments that jobs run in, listed, made and removed."""
