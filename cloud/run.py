"""``python -m cloud.run``: take a model through the whole workflow, from bucket to prediction, and clean up."""

from cloud.cli.run import run

if __name__ == "__main__":
    run()
