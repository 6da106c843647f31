"""Checks before anything is created, each with a hint how to fix a failure.

Permissions: https://cloud.google.com/vertex-ai/docs/general/iam-permissions and
https://cloud.google.com/storage/docs/access-control/iam-permissions.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud.backends.google.images import Image, serving_image, training_image
from cloud.backends.google.registry import lookup
from cloud.backends.google.transport import Transport
from cloud.errors import CloudError, NotFound, PermissionDenied, ServiceDisabled, Unauthenticated
from cloud.resources import Json

_APIS = {
    "vertex-ai": ("aiplatform", "storage", "logging"),
    "ml-engine": ("ml", "storage", "logging"),
}
_IN_PROJECT = {
    "vertex-ai": (
        *(f"aiplatform.customJobs.{verb}" for verb in ("create", "get", "list", "cancel")),
        *(f"aiplatform.batchPredictionJobs.{verb}" for verb in ("create", "get", "list", "cancel")),
        *(f"aiplatform.hyperparameterTuningJobs.{verb}" for verb in ("create", "get", "list", "cancel")),
        *(f"aiplatform.endpoints.{verb}" for verb in ("create", "get", "deploy", "undeploy", "predict", "delete")),
        *(f"aiplatform.models.{verb}" for verb in ("upload", "get", "delete")),
        "logging.logEntries.list",
    ),
    "ml-engine": (
        *(f"ml.jobs.{verb}" for verb in ("create", "get", "cancel")),
        *(f"ml.models.{verb}" for verb in ("create", "delete")),
        *(f"ml.versions.{verb}" for verb in ("create", "delete", "predict")),
        "logging.logEntries.list",
    ),
}
_IN_BUCKET = ("storage.objects.create", "storage.objects.get", "storage.objects.list", "storage.objects.delete")
_QUOTAS = {
    "vertex-ai": "CustomModelTrainingCPUsPerProjectPerRegion and CustomModelServingCPUsPerProjectPerRegion",
    "ml-engine": "CPUs of training and of prediction",
}
_MULTI_REGIONS = {"US": ("us-", "northamerica-"), "EU": ("europe-",), "ASIA": ("asia-",)}


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    what: str
    detail: str
    hint: str = ""


class Preflight:
    """Args:
    transport: one with few retries.
    service: the value of ``--service``.
    image, training_image: used instead of Google's.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        project: str,
        region: str,
        bucket: str,
        service: str,
        image: str | None,
        training_image: str | None = None,
    ) -> None:
        self._send, self._project, self._region = transport.send, project, region
        self._bucket, self._service, self._image = bucket, service, image
        self._training_image = training_image

    async def findings(self, today: date) -> AsyncIterator[Finding]:
        """Yields each finding; without valid credentials the checks that need them are skipped."""
        images = self._images(today)
        for what, image in images.items():
            hint = "or one of your own, see docker/" if image.warning else ""
            verdict = Verdict.UNKNOWN if image.warning else Verdict.PASS
            yield Finding(verdict, what, f"{image.uri}: {image.warning}".removesuffix(": "), hint)
        try:
            bucket = await self._check_bucket()
        except Unauthenticated as error:
            yield Finding(Verdict.FAIL, "credentials", error.message)
            return
        yield Finding(Verdict.PASS, "credentials", "are good")
        yield await self._check_project()
        apis, *in_registry = await asyncio.gather(
            self._check_apis(), *(self._check_image(what, image.uri) for what, image in images.items())
        )
        yield apis
        for finding in in_registry:
            yield finding
        yield bucket
        if bucket.verdict is Verdict.PASS and bucket.hint != _TO_BE_CREATED:
            yield await self._check_permissions(
                "bucket permissions",
                _IN_BUCKET,
                "storage.buckets.testIamPermissions",
                {"bucket": self._bucket, "permissions": list(_IN_BUCKET)},
                None,
                f"gcloud storage buckets add-iam-policy-binding gs://{self._bucket} --member=YOU "
                "--role=roles/storage.objectAdmin",
            )
        wanted = _IN_PROJECT[self._service]
        yield await self._check_permissions(
            "project permissions",
            wanted,
            "cloudresourcemanager.projects.testIamPermissions",
            {"resource": f"projects/{self._project}"},
            {"permissions": list(wanted)},
            f"gcloud projects add-iam-policy-binding {self._project} --member=YOU --role="
            + ("roles/aiplatform.user" if self._service == "vertex-ai" else "roles/ml.admin"),
        )
        yield Finding(
            Verdict.UNKNOWN,
            "quota",
            f"{_QUOTAS[self._service]} in {self._region}: not read",
            f"see https://console.cloud.google.com/iam-admin/quotas?project={self._project}",
        )

    def _images(self, today: date) -> Mapping[str, Image]:
        if self._service == "ml-engine":
            return {}
        prebuilt = {
            "training image": (self._training_image, training_image(None, self._region, today, accelerated=False)),
            "serving image": (self._image, serving_image(None, self._region, today)),
        }
        return {what: Image(own) if own else image for what, (own, image) in prebuilt.items()}

    async def _check_image(self, what: str, uri: str) -> Finding:
        """Whether the caller can read an image; Vertex AI pulls it as its own service agent."""
        what, found = f"{what} in its registry", lookup(uri)
        if found is None:
            return Finding(Verdict.UNKNOWN, what, f"{uri} is in none of Google's")
        method_id, name = found
        try:
            await self._send(method_id, {"name": name})
        except NotFound as error:
            return Finding(Verdict.FAIL, what, error.message, f"docker push {uri}, or another image: see docker/")
        except CloudError as error:
            return Finding(Verdict.UNKNOWN, what, error.message)
        return Finding(Verdict.PASS, what, f"{uri} is there")

    async def _check_bucket(self) -> Finding:
        try:
            found = await self._send("storage.buckets.get", {"bucket": self._bucket})
        except NotFound:
            return Finding(Verdict.PASS, "bucket", f"gs://{self._bucket} is not there yet", _TO_BE_CREATED)
        except Unauthenticated:
            raise
        except ServiceDisabled as error:
            return Finding(Verdict.FAIL, "bucket", error.message, self._enable(error.service))
        except PermissionDenied as error:
            return Finding(Verdict.FAIL, "bucket", error.message, "choose another name with --bucket")
        except CloudError as error:
            return Finding(Verdict.UNKNOWN, "bucket", error.message)
        location = found["location"].upper()
        inside = self._region.startswith(_MULTI_REGIONS.get(location, ("-",)))
        if location == self._region.upper() or inside:
            return Finding(Verdict.PASS, "bucket", f"gs://{self._bucket} is in {location}")
        return Finding(
            Verdict.FAIL,
            "bucket",
            f"gs://{self._bucket} is in {location}, the job in {self._region}",
            f"--region {location.lower()}, or a bucket in {self._region} with --bucket",
        )

    async def _check_project(self) -> Finding:
        try:
            found = await self._send("cloudresourcemanager.projects.get", {"name": f"projects/{self._project}"})
        except ServiceDisabled as error:  # the workflow does not need it
            return Finding(Verdict.UNKNOWN, "project", error.message)
        except (NotFound, PermissionDenied) as error:
            # Google does not distinguish the two.
            return Finding(Verdict.FAIL, "project", error.message, "check --project")
        except CloudError as error:
            return Finding(Verdict.UNKNOWN, "project", error.message)
        state = found.get("state", "ACTIVE")
        verdict = Verdict.PASS if state == "ACTIVE" else Verdict.FAIL
        return Finding(verdict, "project", f"{self._project} ({found.get('name', '')}) is {state}")

    async def _check_apis(self) -> Finding:
        parent = f"projects/{self._project}"
        names = [f"{api}.googleapis.com" for api in _APIS[self._service]]
        wanted = [f"{parent}/services/{name}" for name in names]
        try:
            answer = await self._send("serviceusage.services.batchGet", {"parent": parent, "names": wanted})
        except CloudError:
            return await self._try_apis()  # Service Usage may be disabled, or the caller may lack permission
        on = {item["name"].rpartition("/")[2] for item in answer.get("services", ()) if item.get("state") == "ENABLED"}
        off = [name for name in names if name not in on]
        if off:
            return Finding(Verdict.FAIL, "APIs", f"not enabled: {', '.join(off)}", self._enable(*off))
        return Finding(Verdict.PASS, "APIs", f"{', '.join(names)} are enabled")

    async def _try_apis(self) -> Finding:
        """Send each API a request that costs nothing; the bucket's check does so for Cloud Storage."""
        project = f"projects/{self._project}"
        no_entries = {"resourceNames": [project], "filter": 'resource.labels.job_id="none"', "pageSize": 1}
        location: dict[str, Json] = {"parent": f"{project}/locations/{self._region}", "pageSize": 1}
        requests: list[tuple[str, dict[str, Json], Json]] = [
            ("aiplatform.projects.locations.customJobs.list", location, None)
            if self._service == "vertex-ai"
            else ("ml.projects.getConfig", {"name": project}, None),
            ("logging.entries.list", {}, no_entries),
        ]
        for method_id, params, body in requests:
            try:
                await self._send(method_id, params, body)
            except ServiceDisabled as error:
                return Finding(Verdict.FAIL, "APIs", error.message, self._enable(error.service))
            except CloudError as error:
                return Finding(Verdict.UNKNOWN, "APIs", error.message)
        return Finding(Verdict.PASS, "APIs", "answer")

    def _enable(self, *names: str) -> str:
        return f"gcloud services enable {' '.join(names) or 'API'} --project={self._project}"

    async def _check_permissions(
        self, what: str, wanted: Sequence[str], method_id: str, params: dict[str, Json], body: Json, hint: str
    ) -> Finding:
        try:
            answer = await self._send(method_id, params, body)
        except CloudError as error:
            return Finding(Verdict.UNKNOWN, what, error.message)
        missing = [permission for permission in wanted if permission not in answer.get("permissions", ())]
        if missing:
            return Finding(Verdict.FAIL, what, f"missing: {', '.join(missing)}", hint)
        return Finding(Verdict.PASS, what, f"{len(wanted)} needed, all held")


_TO_BE_CREATED = "it will be made"
