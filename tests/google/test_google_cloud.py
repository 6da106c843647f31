"""``BackendContract`` on Google's own cloud, with application default credentials."""

import os
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.gcp import GcpBackend
from cloud.backends.google.service import RUN_LABEL
from cloud.testing.contract import BackendContract
from cloud.workflow.google.cleanup import remove_leftovers
from cloud.workflow.google.options import Options


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def google() -> AsyncIterator[GcpBackend]:
    environ, run = os.environ, f"contract_{secrets.token_hex(4)}"
    options = Options(
        project=environ["GCP_PROJECT"],
        region=environ.get("GCP_REGION", "us-central1"),
        service=environ.get("GCP_SERVICE", "vertex-ai"),
        image=environ.get("GCP_IMAGE"),
        training_image=environ.get("GCP_TRAINING_IMAGE"),
        service_account=environ.get("GCP_SERVICE_ACCOUNT"),
    )
    async with options.open(run) as backend:
        try:
            yield backend
        finally:
            buckets = [bucket.name for bucket in await backend.list_buckets()]
            made = [bucket for bucket in buckets if (await backend.labels(bucket)).get(RUN_LABEL) == run]
            await remove_leftovers(backend, run, made, print)


class TestGoogleCloud(BackendContract):
    @pytest.fixture
    def backend(self, google: GcpBackend) -> GcpBackend:
        return google
