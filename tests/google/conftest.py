"""Opt-in: collected only with a project in ``GCP_PROJECT``."""

import os

import pytest

collect_ignore_glob = [] if os.environ.get("GCP_PROJECT") else ["*"]
_VERSIONS = 8
"""What cloud/testing/contract/models.py deploys."""
_PRICES = "https://cloud.google.com/vertex-ai/pricing"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say what it will cost before it starts.

    Raises:
        pytest.UsageError: jobs would run as Vertex AI's own agent, which reads every bucket, granted or not.
    """
    if not session.items:
        return
    if os.environ.get("GCP_SERVICE", "vertex-ai") == "vertex-ai" and not os.environ.get("GCP_SERVICE_ACCOUNT"):
        raise pytest.UsageError(
            "GCP_SERVICE_ACCOUNT is needed: a service account as whom jobs run, with no role of its own on Cloud "
            "Storage, so that what is granted decides what they may read and write"
        )
    by_part: dict[str, int] = {}
    for item in session.items:
        part = getattr(item, "cls", None) and _defined_in(item)
        by_part[str(part)] = by_part.get(str(part), 0) + 1
    jobs = by_part.get("JobContract", 0) + by_part.get("EnforcedGrantContract", 0)
    print(  # noqa: T201
        f"\nIn project {os.environ['GCP_PROJECT']}: at least {jobs} training jobs (n1-standard-4, some with up to "
        f"3 more replicas), and up to {_VERSIONS} versions of models (n1-standard-2). Each job bills some minutes, "
        f"each version from its deployment to its removal: hours in all. {_PRICES}"
    )


def _defined_in(item: pytest.Item) -> str:
    name = item.name.partition("[")[0]
    return next((kind.__name__ for kind in item.cls.__mro__ if name in vars(kind)), "")  # type: ignore[attr-defined]
