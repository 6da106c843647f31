"""Where Cloud Build is found, and where its logs are. Pure."""

import re

_REGION = r"[a-z]{2,20}-[a-z]{2,20}\d{1,2}"
HOSTS = rf"cloudbuild(?:\.mtls|\.{_REGION}\.rep)?\.googleapis\.com"


def logs_bucket(number: int) -> str:
    """Google's bucket for the logs of a project's builds that name no other; it is none of the project's
    (https://cloud.google.com/build/docs/securing-builds/store-manage-build-logs).

    Args:
        number: the project's.
    """
    return f"{number}.cloudbuild-logs.googleusercontent.com"


def log_paths(number: int) -> str:
    """Regular expression for the paths of its objects in Cloud Storage's XML API, where gcloud reads them."""
    return rf"/{re.escape(logs_bucket(number))}/.*"
