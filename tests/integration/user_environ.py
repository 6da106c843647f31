"""The environment of a user who has set nothing of this project or of gcloud."""

import os


def user_environ() -> dict[str, str]:
    """That of the tests, without such settings but for the store of runtimes, which all tests share."""
    settings = ("CLOUD_", "CLOUDSDK_")
    return {
        name: value for name, value in os.environ.items() if not name.startswith(settings) or name == "CLOUD_RUNTIMES"
    }
