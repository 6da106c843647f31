"""``ml.projects.jobs.*``."""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime

from cloud.emulator.ml_v1 import messages
from cloud.emulator.ml_v1.job_checks import check_prediction_input, check_training_input
from cloud.emulator.ml_v1.job_images import find_image
from cloud.emulator.ml_v1.project import Project, check_new_id
from cloud.emulator.rest.aip160 import ListFilter
from cloud.emulator.rest.call import Call, check_etag
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.lists import Item, Keyed, fields_of, list_page, of_items
from cloud.emulator.rest.records import Record
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.resources import Job, JobSpec, Json, Service
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.tuning import TuningSpec
from cloud.wire.ml_v1 import job_spec
from cloud.wire.ml_v1_prediction import batch_prediction_spec
from cloud.wire.ml_v1_tuning import hyperparameters, tuning_spec


class JobMethods:
    def __init__(self, project: Project) -> None:
        self._project = project
        self._backend, self._records = project.backend, project.records

    async def create(self, call: Call) -> Json:
        body = call.body
        check_new_id(body.get("jobId", ""), "job_id")
        check_labels(body.get("labels", {}), "job.labels")
        if "predictionInput" in body and "trainingInput" in body:
            raise InvalidArgument(
                "One of trainingInput and predictionInput is required, not both.", field="job.prediction_input"
            )
        spec: JobSpec = await (self._prediction(body) if "predictionInput" in body else self._training(call))
        fields = messages.recorded(body, messages.JOB_FIELDS)
        try:
            job, record = await self._project.intents.make(
                f"jobs/{spec.job_id}", fields, lambda: self._backend.submit_job(spec)
            )
        except AlreadyExists:
            raise AlreadyExists("A job with this id already exists.", field="job.job_id") from None
        return self._json(job, record)

    async def _training(self, call: Call) -> JobSpec:
        if "trainingInput" not in call.body:
            raise InvalidArgument("One of trainingInput and predictionInput is required.", field="job.training_input")
        given = call.body["trainingInput"]
        image = find_image(given, self._project.images)
        check_training_input(given, project=self._project.id, abilities=self._backend.abilities, image=image)
        account = given.get("serviceAccount", "")
        await self._project.run_as.check(call.principal, account, "training_input.service_account")
        if "hyperparameters" in given:
            return tuning_spec(await self._with_earlier(call.body), image)
        return job_spec(call.body, image)

    async def _with_earlier(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """A job that goes on with an earlier one has its goal, metric and parameters, if it names none."""
        training = body["trainingInput"]
        given = training["hyperparameters"]
        if not given.get("resumePreviousJobId"):
            return body
        spec = (await self._backend.get_job(given["resumePreviousJobId"])).spec
        if not isinstance(spec, TuningSpec) or spec.service is not Service.ML_ENGINE:
            raise InvalidArgument(
                f"job {spec.job_id!r} is not a tuning job",
                field="training_input.hyperparameters.resume_previous_job_id",
            )
        earlier = hyperparameters(spec)
        kept = {name: earlier[name] for name in ("goal", "hyperparameterMetricTag", "params")}
        return {**body, "trainingInput": {**training, "hyperparameters": kept | given}}

    async def _prediction(self, body: Mapping[str, Json]) -> BatchPredictionSpec:
        check_prediction_input(body["predictionInput"], self._backend.abilities)
        return batch_prediction_spec(body, self._project.id)

    async def get(self, call: Call) -> Json:
        return self._listed(await self._get(call))

    async def list(self, call: Call) -> Json:
        """Newest first. Jobs are never deleted, so a page token's job is always found again."""

        wanted = ListFilter(call.query.get("filter", ""), fields_of(call, "jobs")).values_of("state")
        states = None if wanted is None else [state for state in JobState if state in wanted]
        select = functools.partial(self._backend.list_jobs, states=states, service=Service.ML_ENGINE)

        if not self._backend.abilities.lists_in_parts:
            jobs = of_items(await select(), lambda job: job.job_id, self._listed, is_sorted=False)
            return await list_page(call, "jobs", jobs)

        async def read(after: str, limit: int) -> Keyed:
            return [(job.job_id, self._listed(job)) for job in await select(after=after or None, limit=limit)]

        return await list_page(call, "jobs", read)

    async def patch(self, call: Call) -> Json:
        mask = call.mask("labels", "etag")
        job = await self._get(call)
        record = self.record(job)
        if "etag" in mask:
            check_etag(call.body.get("etag", ""), record.etag)
        if "labels" in mask:
            labels = call.body.get("labels", {})
            check_labels(labels, "job.labels")
            record = self._records.change(record, {**record.fields, "labels": labels})
        return self._json(job, record)

    async def cancel(self, call: Call) -> Json:
        await self._get(call)
        try:
            await self._backend.cancel_job(call.ids[1])
        except FailedPrecondition as error:
            job = await self._get(call)
            if not job.state.is_final:
                raise
            # Airflow takes this 400 for "it is already complete".
            raise FailedPrecondition(
                f"Cannot cancel a job that is {job.state.value}: it is finished.", field="name"
            ) from error
        return {}

    async def _get(self, call: Call) -> Job:
        job = await self._backend.get_job(call.ids[1])
        if job.spec.service is not Service.ML_ENGINE:
            raise NotFound(f"no job {job.job_id!r} of ML Engine in this project", field="job.job_id")
        return job

    def record(self, job: Job) -> Record:
        return self._records.of(f"jobs/{job.job_id}", job.create_time)

    def _json(self, job: Job, record: Record | None = None) -> dict[str, Json]:
        return messages.job_json(job, record or self.record(job), datetime.now(UTC), self._project.id)

    def _listed(self, job: Job) -> Item:
        """As ``get`` and ``list`` answer it: with its place in the queue."""
        waits = job.state is JobState.QUEUED and job.queue_position is not None
        return self._json(job) | ({"jobPosition": str(job.queue_position)} if waits else {})
